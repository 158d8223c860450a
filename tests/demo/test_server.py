"""The picture server answers as its table says; what fetch makes of it is tested there."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from dataengine.demo.server import PictureServer

DATA = b"\xff\xd8\xff" + bytes(range(256)) * 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PictureServer]:
    (tmp_path / "file.jpg").write_bytes(DATA)
    pictures: dict[str, Path | bytes] = {
        "/a.jpg": DATA,
        "/file.jpg": tmp_path / "file.jpg",
        "/with space.jpg": DATA,
        "http://images.example.org/val/1.jpg": DATA,
        "https://example.org/photo?id=7&size=l": DATA,
    }
    with PictureServer(pictures, slow_s=0.2) as running:
        yield running


def get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, redirect=False, retries=False, timeout=5)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("a.jpg", 200, DATA),
        ("file.jpg", 200, DATA),
        ("with%20space.jpg", 200, DATA),
        ("nothing.jpg", 404, None),
        ("gone/a.jpg", 404, None),
        ("forbidden/a.jpg", 403, None),
        ("error/a.jpg", 500, None),
        ("busy/a.jpg", 429, None),
        ("flaky/a.jpg", 503, None),
        ("slow/a.jpg", 200, DATA),
        ("truncated/a.jpg", 200, DATA[: len(DATA) // 2]),
        ("empty/a.jpg", 200, b""),
        ("robots/a.jpg", 200, DATA),
        ("redirect/1/a.jpg", 302, None),
    ],
)
def test_answers(server: PictureServer, path: str, status: int, body: bytes | None) -> None:
    response = get(server.url(path))
    assert response.status == status
    assert body is None or response.data == body


def test_headers_of_the_answers(server: PictureServer) -> None:
    assert get(server.url("busy/a.jpg")).headers["Retry-After"] == "1"
    assert get(server.url("robots/a.jpg")).headers["X-Robots-Tag"] == "noai"
    assert get(server.url("redirect/3/a.jpg")).headers["Location"] == "/redirect/2/a.jpg"
    assert get(server.url("redirect/1/a.jpg")).headers["Location"] == "/a.jpg"
    assert get(server.url("loop/a.jpg")).headers["Location"] == "/loop/a.jpg"
    page = get(server.url("html/a.jpg"))
    assert page.headers["Content-Type"] == "image/jpeg"
    assert page.data.startswith(b"<!DOCTYPE html>")


def test_flaky_heals_at_the_second_request_of_each_path(server: PictureServer) -> None:
    statuses = [
        get(server.url(path)).status for path in ("flaky/a.jpg", "flaky/file.jpg", "flaky/a.jpg", "flaky/a.jpg")
    ]
    assert statuses == [503, 503, 200, 200]
    assert server.num_requests("/flaky/a.jpg") == 3


def test_real_urls_are_answered_under_their_local_address(server: PictureServer) -> None:
    for url in ("http://images.example.org/val/1.jpg", "https://example.org/photo?id=7&size=l"):
        local = server.rewrite(url)
        assert local.startswith(server.base_url)
        assert get(local).data == DATA
    assert get(server.rewrite("http://images.example.org/val/2.jpg")).status == 404
    assert get(server.rewrite("https://images.example.org/val/1.jpg")).status == 404


@pytest.mark.parametrize("path", ["drip/a.jpg", "endless/a.jpg"])
def test_some_bodies_never_end(server: PictureServer, path: str) -> None:
    response = urllib3.request("GET", server.url(path), preload_content=False, retries=False, timeout=5)
    assert response.read(20).startswith(b"\xff\xd8\xff")
    response.close()


def test_short_and_reset_break_the_connection(server: PictureServer) -> None:
    with pytest.raises(urllib3.exceptions.ProtocolError):
        get(server.url("short/a.jpg"))
    with pytest.raises((urllib3.exceptions.ProtocolError, http.client.HTTPException)):
        get(server.url("reset/a.jpg"))


def test_leaving_ends_what_would_never_end() -> None:
    with PictureServer() as running:
        response = urllib3.request("GET", running.url("drip/a.jpg"), preload_content=False, retries=False, timeout=5)
        start = time.monotonic()
    assert time.monotonic() - start < 2
    response.close()
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", running.url("a.jpg"), retries=False, timeout=2)
