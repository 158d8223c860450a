from __future__ import annotations

import pytest

from dataengine.sources.web_addresses import address_keys, looks_like_url, web_url


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ("http://a.example/x.jpg", "http://a.example/x.jpg"),
        ("HTTPS://a.example/x.jpg?w=1&h=2", "HTTPS://a.example/x.jpg?w=1&h=2"),
        ("  http://a.example/x.jpg\n", "http://a.example/x.jpg"),
        ("//a.example/x.jpg", "http://a.example/x.jpg"),
        ("http://a.example/my photo.jpg", "http://a.example/my%20photo.jpg"),
        ("http://a.example/caf\u00e9.jpg?q=\u4e2d", "http://a.example/caf%C3%A9.jpg?q=%E4%B8%AD"),
        ("http://a.example/done%20once.jpg", "http://a.example/done%20once.jpg"),
        ("http://b\u00fccher.example/x.jpg", "http://xn--bcher-kva.example/x.jpg"),
        ("http://127.0.0.1:8080/x.jpg", "http://127.0.0.1:8080/x.jpg"),
        ("http://[::1]:80/x.jpg", "http://[::1]:80/x.jpg"),
        ("http://my_bucket.a.example/x", "http://my_bucket.a.example/x"),
        ("http://a.example", "http://a.example"),
        ("http://user@a.example/x.jpg", "http://user@a.example/x.jpg"),
    ],
)
def test_web_url_accepts(given: str, accepted: str) -> None:
    assert web_url(given) == accepted


@pytest.mark.parametrize(
    "given",
    [
        "",
        "UNLIKELY",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "ftp://a.example/x.jpg",
        "s3://bucket/x.jpg",
        "http://",
        "http:///x.jpg",
        "http:/a.example/x.jpg",
        "http://a b.example/x.jpg",
        "http://a.example:99999/x.jpg",
        "http://[::1/x.jpg",
        "http://\u00fc..example/x.jpg",
        "/local/x.jpg",
        "http://a.example\\@evil/x",
    ],
)
def test_web_url_refuses(given: str) -> None:
    assert web_url(given) is None


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("http://A.example:80/x.jpg#top", ["url:http://a.example/x.jpg"]),
        (
            "http://static.flickr.com/2723/4385058960_b0f291553e.jpg",
            ["url:http://static.flickr.com/2723/4385058960_b0f291553e.jpg", "flickr:4385058960"],
        ),
        (
            "http://images.cocodataset.org/train2014/COCO_train2014_000000391895.jpg",
            ["url:http://images.cocodataset.org/train2014/COCO_train2014_000000391895.jpg", "coco:391895"],
        ),
        (
            "http://images.cocodataset.org/val2017/000000000139.jpg",
            ["url:http://images.cocodataset.org/val2017/000000000139.jpg", "coco:139"],
        ),
    ],
)
def test_keys_in_an_address(url: str, keys: list[str]) -> None:
    assert address_keys(url) == keys


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("http://a.example/x", True),
        (" //a.example/x", True),
        ("a dog // a cat", False),
        ("see http://a.example", False),
    ],
)
def test_looks_like_url(cell: str, expected: bool) -> None:
    assert looks_like_url(cell) is expected
