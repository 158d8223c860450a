"""A loopback web server that serves pictures and misbehaves on demand, for tests and for `dataengine demo`.

Pictures are served under their paths. A path that starts with one of these folders is answered in its own way, with the
picture of the path that follows where one is needed (`/slow/a.jpg` serves `/a.jpg`, late):

| folder | answer |
|---|---|
| /gone/ /forbidden/ /error/ | 404, 403, 500 |
| /flaky/ | 503 at the first request of a path, the picture afterwards |
| /busy/ | 429 with `Retry-After: 1` |
| /slow/ | the picture, after `slow_s` seconds |
| /drip/ | the picture's headers, then a byte every 50 ms |
| /endless/ | a JPEG's start, then bytes without end |
| /html/ | a web page, typed as a JPEG |
| /truncated/ | the first half of the file, whole as a response |
| /short/ | half of the bytes that Content-Length announces |
| /empty/ | 200 and nothing |
| /reset/ | the connection is cut before an answer |
| /redirect/N/ | N redirects, then the picture |
| /loop/ | a redirect to itself |
| /robots/ | the picture, with `X-Robots-Tag: noai` |
| /web/SCHEME/HOST/ | the picture of that real URL: see `PictureServer.rewrite` |
"""

from __future__ import annotations

import mimetypes
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit

_HTML = b"<!DOCTYPE html><html><head><title>Moved</title></head><body><p>This picture was removed.</p></body></html>"
_JPEG_START = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
_DRIP_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in: `path` with its query, and the headers in lower case."""

    path: str
    headers: Mapping[str, str]


class PictureServer:
    """Serves pictures on 127.0.0.1 while it is entered as a context manager.

    `pictures` maps a path ("/a.jpg") or a real URL ("http://images.cocodataset.org/val2017/1.jpg") to a file or to
    bytes. With `tls` the server speaks https.
    """

    def __init__(
        self,
        pictures: Mapping[str, Path | bytes] | None = None,
        *,
        port: int = 0,
        slow_s: float = 1.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.pictures: dict[str, Path | bytes] = dict(pictures or {})
        self.slow_s = slow_s
        self.requests: list[Request] = []
        """Every request so far, in the order of arrival."""
        self.num_connections = 0
        self._counts: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._scheme = "https" if tls else "http"
        self._http = _Http(("127.0.0.1", port), self, tls)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """The server's address, without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def url(self, path: str) -> str:
        """Return the full address of `path`."""
        return f"{self.base_url}/{path.lstrip('/')}"

    def rewrite(self, url: str) -> str:
        """Return the local address that answers for a real `url`: its picture, or 404 where `pictures` lacks it.

        A query is kept; it is part of the URL that is looked up.
        """
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.base_url}/web/{parts.scheme}/{parts.netloc}{parts.path or '/'}{query}"

    def num_requests(self, path: str) -> int:
        """Return how often `path` was asked for."""
        return self._counts[path]

    def note(self, request: Request) -> bool:
        """Remember `request`. Returns whether it is the first for its path."""
        with self.lock:
            self.requests.append(request)
            self._counts[request.path] += 1
            return self._counts[request.path] == 1

    def content(self, path: str) -> bytes | None:
        """Return the bytes served under `path`, None where there are none."""
        if path.startswith("/web/"):
            scheme, _, rest = path.removeprefix("/web/").partition("/")
            path = f"{scheme}://{rest}"
        found = self.pictures.get(path, self.pictures.get(unquote(path), self.pictures.get(quote(path, safe="/:?=&%"))))
        return found.read_bytes() if isinstance(found, Path) else found


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], pictures: PictureServer, tls: ssl.SSLContext | None) -> None:
        self.pictures = pictures
        super().__init__(address, _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on the misbehaving answers, as they should; a real fault still shows as a missing answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        """Count the connection."""
        with self.server.pictures.lock:
            self.server.pictures.num_connections += 1
        super().setup()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests are kept in `PictureServer.requests`."""

    def do_GET(self) -> None:
        """Answer in the way of the path's first folder."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        first_time = self.server.pictures.note(Request(self.path, headers))
        folder, slash, rest = self.path.removeprefix("/").partition("/")
        answer = _ANSWERS.get(folder) if slash else None
        if answer is not None:
            answer(self, f"/{rest}", first_time)
        else:
            self.send_picture(self.path)

    def send_picture(self, path: str, headers: Mapping[str, str] | None = None) -> None:
        """Send the picture under `path`, or 404."""
        data = self.server.pictures.content(path)
        if data is None:
            self.send_status(404)
        else:
            self.send_body(data, mimetypes.guess_type(urlsplit(path).path)[0] or "image/jpeg", headers)

    def send_body(
        self, data: bytes, content_type: str = "image/jpeg", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole 200 response."""
        self.start(200, {"Content-Type": content_type, "Content-Length": str(len(data)), **(headers or {})})
        self.wfile.write(data)

    def send_status(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Send `status` with a page that says so."""
        body = f"<html><body>{status}</body></html>".encode()
        self.start(status, {"Content-Type": "text/html", "Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and the headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _slow(handler: _Handler, path: str, first_time: bool) -> None:
    handler.server.pictures.stopping.wait(handler.server.pictures.slow_s)
    handler.send_picture(path)


def _drip(handler: _Handler, path: str, first_time: bool) -> None:
    handler.start(200, {"Content-Type": "image/jpeg", "Connection": "close"})
    handler.wfile.write(_JPEG_START)
    while not handler.server.pictures.stopping.wait(_DRIP_PAUSE_S):
        handler.wfile.write(b"\0")


def _endless(handler: _Handler, path: str, first_time: bool) -> None:
    handler.start(200, {"Content-Type": "image/jpeg", "Connection": "close"})
    handler.wfile.write(_JPEG_START)
    while not handler.server.pictures.stopping.is_set():
        handler.wfile.write(bytes(65536))


def _half(handler: _Handler, path: str) -> tuple[bytes, int]:
    data = handler.server.pictures.content(path) or _JPEG_START * 100
    return data[: len(data) // 2], len(data)


def _short(handler: _Handler, path: str, first_time: bool) -> None:
    half, size = _half(handler, path)
    handler.start(200, {"Content-Type": "image/jpeg", "Content-Length": str(size)})
    handler.wfile.write(half)
    handler.close_connection = True


def _reset(handler: _Handler, path: str, first_time: bool) -> None:
    # Zero linger turns the close into a reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def _redirect(handler: _Handler, path: str, first_time: bool) -> None:
    number, _, rest = path.removeprefix("/").partition("/")
    left = int(number) - 1 if number.isdigit() else 0
    handler.send_status(302, {"Location": f"/redirect/{left}/{rest}" if left > 0 else f"/{rest}"})


_ANSWERS = {
    "gone": lambda handler, path, first_time: handler.send_status(404),
    "forbidden": lambda handler, path, first_time: handler.send_status(403),
    "error": lambda handler, path, first_time: handler.send_status(500),
    "busy": lambda handler, path, first_time: handler.send_status(429, {"Retry-After": "1"}),
    "flaky": lambda handler, path, first_time: handler.send_status(503) if first_time else handler.send_picture(path),
    "html": lambda handler, path, first_time: handler.send_body(_HTML),
    "truncated": lambda handler, path, first_time: handler.send_body(_half(handler, path)[0]),
    "empty": lambda handler, path, first_time: handler.send_body(b""),
    "loop": lambda handler, path, first_time: handler.send_status(302, {"Location": handler.path}),
    "robots": lambda handler, path, first_time: handler.send_picture(path, {"X-Robots-Tag": "noai"}),
    "web": lambda handler, path, first_time: handler.send_picture(handler.path),
    "slow": _slow,
    "drip": _drip,
    "endless": _endless,
    "short": _short,
    "reset": _reset,
    "redirect": _redirect,
}
