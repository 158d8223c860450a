import pytest

from dataengine.identity import flickr_photo_id, make_uid, normalise_url


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://Images.Example.COM:80/A/b.jpg#top", "http://images.example.com/A/b.jpg"),
        ("https://example.com:443", "https://example.com/"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("http://example.com/a%2fb?w=%c3%a9", "http://example.com/a%2Fb?w=%C3%A9"),
        ("http://example.com/i.jpg?size=1&b=2", "http://example.com/i.jpg?size=1&b=2"),
        (" http://user@Example.com/i.jpg ", "http://user@example.com/i.jpg"),
    ],
)
def test_normalise_url(url: str, normal: str) -> None:
    assert normalise_url(url) == normal
    assert normalise_url(normal) == normal


def test_uid_depends_on_data_set_and_id() -> None:
    # sha256 of "coco", NUL, "391895", computed with another tool
    assert make_uid("coco", "391895") == "coco-" + __import__("hashlib").sha256(b"coco\x00391895").hexdigest()[:16]
    assert make_uid("coco", "1") != make_uid("vg", "1").replace("vg", "coco")


@pytest.mark.parametrize(
    ("url", "photo_id"),
    [
        ("http://static.flickr.com/2723/4385058960_b0f291553e.jpg", "4385058960"),
        ("https://live.staticflickr.com/2723/4385058960_b0f291553e.jpg", "4385058960"),
        ("http://farm7.staticflickr.com/6116/6255196340_da26cf2c9e_z.jpg", "6255196340"),
        ("http://images.cocodataset.org/train2017/000000391895.jpg", None),
        ("http://evil-staticflickr.com/1/4385058960_b0f291553e.jpg", None),
        ("http://static.flickr.com/2723/readme.txt", None),
        ("http://[broken", None),
    ],
)
def test_flickr_photo_id(url: str, photo_id: str | None) -> None:
    assert flickr_photo_id(url) == photo_id
