"""One picture's bytes from one http(s) address, or the typed cause why not.

One client a process: a pool of kept-alive connections and one TLS context (building one costs 25 ms of CPU). What an
address may cost is bounded as a whole: every read of a socket looks at the address's own clock, so a server that drips
bytes for ever is cut off at the deadline. Each hop of a redirect passes `_check_hop` and each connection is opened by
`_connect`: whatever further rules there are about hosts and addresses belong there.
"""

from __future__ import annotations

import functools
import http.client
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationParseError,
    LocationValueError,
    ReadTimeoutError,
    SSLError,
)

from dataengine.decode import FetchFailure, check_is_picture
from dataengine.fetch_options import FetchOptions

RETRIED_CAUSES = frozenset({"dns", "connect", "timeout", "http_429"})
"""Causes that can heal by themselves; every http_5xx is one of them too."""

_CHUNK = 64 * 1024
_SLICE_S = 0.5
"""Longest single wait for a socket: how soon a cancelled shard lets go of its connections."""
_POOL_HOSTS = 256
_POOL_CONNECTIONS = 128
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_VALUED_DIRECTIVES = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body that starts like a picture, and how it was had."""

    data: bytes
    http_status: int | None = None
    attempts: int = 1
    final_url: str | None = None


class _Clock(threading.local):
    """What the address that this thread is after may still cost."""

    deadline: float = math.inf
    timeout_s: float = 10.0
    cancelled: threading.Event | None = None

    def remaining(self) -> float:
        """Return the seconds left. Raises FetchFailure where there are none, or where the shard was cancelled."""
        if self.cancelled is not None and self.cancelled.is_set():
            raise FetchFailure("internal", "the shard was cancelled")
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise FetchFailure("deadline", "took longer than the whole address may take")
        return left


_clock = _Clock()


def fetch_url(url: str, options: FetchOptions, cancelled: threading.Event | None = None) -> Fetched:
    """Return the picture's bytes at `url`. Raises FetchFailure with the cause, after retrying what can heal.

    The system's resolver is the one step that can outlast `deadline_s`: it can't be interrupted.
    """
    _clock.deadline = time.monotonic() + options.deadline_s
    _clock.timeout_s = options.timeout_s
    _clock.cancelled = cancelled
    for attempt in range(1, options.retries + 2):
        try:
            return _fetch_once(url, options, attempt)
        except FetchFailure as failure:
            failure.attempts = attempt
            if attempt > options.retries or not (failure.transient or can_heal(failure.cause)):
                raise
            pause = max(options.backoff_s * 2 ** (attempt - 1), failure.retry_after or 0.0)
            if not _pause(pause):
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def can_heal(cause: str) -> bool:
    """Return whether asking again later may go better."""
    return cause in RETRIED_CAUSES or cause.startswith("http_5")


def is_opted_out(values: Iterable[str], token: str, directives: Iterable[str]) -> bool:
    """Return whether X-Robots-Tag header `values` forbid the use to everyone, or to the agent called `token`."""
    disallowed = {directive.strip().lower() for directive in directives}
    for value in values:
        agent, colon, rest = value.lower().partition(":")
        scoped = bool(colon) and "," not in agent and agent.strip() not in _VALUED_DIRECTIVES
        if scoped and agent.strip() != token.strip().lower():
            continue
        if disallowed.intersection(part.strip() for part in (rest if scoped else value.lower()).split(",")):
            return True
    return False


def _pause(seconds: float) -> bool:
    """Wait before a retry. Returns False, at once, where the pause would outlast the deadline or the shard."""
    if time.monotonic() + seconds >= _clock.deadline:
        return False
    if _clock.cancelled is not None:
        return not _clock.cancelled.wait(seconds)
    time.sleep(seconds)
    return True


# ------------------------------------------------------------------------------------------------------- one attempt


def _fetch_once(url: str, options: FetchOptions, attempt: int) -> Fetched:
    address = url.strip()
    for _ in range(options.max_redirects + 1):
        _check_hop(address)
        response = _request(address, options)
        try:
            target = _redirect_target(response, address)
            if target is None:
                _check_status(response)
            _check_consent(response, options)
            if target is None:
                return Fetched(_read_body(response, options), response.status, attempt, address)
        except FetchFailure as failure:
            failure.http_status = failure.http_status or response.status
            failure.final_url = failure.final_url or address
            raise
        finally:
            response.close()
        address = target
    raise FetchFailure(
        f"http_{response.status}",
        f"more than {options.max_redirects} redirects",
        http_status=response.status,
        final_url=address,
    )


def _check_hop(address: str) -> None:
    """Raise FetchFailure unless `address` may be asked. Called for the first address and for every redirect."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise FetchFailure("bad_url", str(error)) from error
    if parts.scheme.lower() not in ("http", "https"):
        raise FetchFailure("bad_url", f"scheme {parts.scheme[:20]!r} is not http or https")
    if not host:
        raise FetchFailure("bad_url", "no host")


def _request(address: str, options: FetchOptions) -> urllib3.BaseHTTPResponse:
    limit = min(options.timeout_s, _clock.remaining())
    headers = {"User-Agent": options.user_agent_header, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
    try:
        return _pool().request(
            "GET",
            address,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=limit, read=limit),
        )
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise _typed(error) from error


def _typed(error: Exception) -> FetchFailure:
    """Return the FetchFailure that a client's error stands for; texts hold no object addresses, so ledgers repeat."""
    if isinstance(error, LocationParseError | LocationValueError | http.client.InvalidURL):
        return FetchFailure("bad_url", str(error))
    if isinstance(error, SSLError | ssl.SSLError):
        return FetchFailure("tls", _innermost(error))
    if any(isinstance(inner, http.client.IncompleteRead) for inner in (error, *error.args)):
        return FetchFailure("truncated", "the body is shorter than the server said", transient=True)
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return FetchFailure("timeout", f"no answer for {_clock.timeout_s:g} s")
    if isinstance(error, DecodeError):
        return FetchFailure("decode", "the body's Content-Encoding is broken")
    if isinstance(error, UnicodeError):
        return FetchFailure("bad_url", str(error))
    if isinstance(error, ValueError):
        return FetchFailure("internal", f"{type(error).__name__}: {error}")
    return FetchFailure("connect", _innermost(error))


def _innermost(error: BaseException) -> str:
    """Return the words of the error at the bottom of a chain of wrappers."""
    for inner in reversed(error.args):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return re.sub(r"<[^>]* object at 0x[0-9a-f]+>:? ?", "", str(error)) or type(error).__name__


def _redirect_target(response: urllib3.BaseHTTPResponse, address: str) -> str | None:
    location = response.headers.get("Location")
    if response.status not in _REDIRECTS or not location:
        return None
    try:
        return urljoin(address, _as_utf8(location))
    except ValueError as error:
        raise FetchFailure("bad_url", f"redirected to {location!r}: {error}") from error


def _as_utf8(header: str) -> str:
    """Return a header's text as the UTF-8 that servers write; the client hands it over as latin-1."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _check_consent(response: urllib3.BaseHTTPResponse, options: FetchOptions) -> None:
    values = response.headers.getlist("X-Robots-Tag")
    if values and is_opted_out(values, options.user_agent_token, options.disallowed_directives):
        raise FetchFailure("opt_out", f"X-Robots-Tag: {', '.join(values)}")


def _check_status(response: urllib3.BaseHTTPResponse) -> None:
    if 200 <= response.status < 300:
        return
    raise FetchFailure(
        f"http_{response.status}",
        response.reason or "",
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header; its date form is taken as absent."""
    return float(value) if value is not None and value.strip().isascii() and value.strip().isdigit() else None


def _read_body(response: urllib3.BaseHTTPResponse, options: FetchOptions) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > options.max_bytes:
        raise FetchFailure("too_large", f"{announced} bytes announced, {options.max_bytes} allowed")
    body = bytearray()
    try:
        while chunk := response.read1(_CHUNK, decode_content=True):
            start_unseen = len(body) < 64
            body += chunk
            if start_unseen and len(body) >= 64:
                check_is_picture(body, response.headers.get("Content-Type"))
            if len(body) > options.max_bytes:
                raise FetchFailure("too_large", f"more than {options.max_bytes} bytes")
            _clock.remaining()
    except (HTTPError, http.client.HTTPException, OSError) as error:
        raise _typed(error) from error
    check_is_picture(body, response.headers.get("Content-Type"))
    return bytes(body)


# ----------------------------------------------------------------------------------------------- sockets with a clock


class _ClockedSocket(socket.socket):
    def recv_into(self, *args: Any) -> int:
        return _receive(self, functools.partial(super().recv_into, *args))


class _ClockedTlsSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any) -> int:
        return _receive(self, functools.partial(super().recv_into, *args))


def _receive(sock: socket.socket, receive: Callable[[], int]) -> int:
    """Read once from `sock`, in short waits that see the address's deadline and a cancelled shard."""
    silent_until = time.monotonic() + _clock.timeout_s
    while True:
        left = min(_clock.remaining(), silent_until - time.monotonic())
        sock.settimeout(max(0.001, min(left, _SLICE_S)))
        try:
            return receive()
        except TimeoutError:
            if time.monotonic() >= silent_until:
                raise FetchFailure("timeout", f"no data for {_clock.timeout_s:g} s") from None


def _connect(host: str, port: int) -> socket.socket:
    """Return a connection to the first address of `host` that answers. Raises FetchFailure."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise FetchFailure("bad_url", f"{host!r} is no host name: {error}") from error
    except socket.gaierror as error:
        raise FetchFailure("dns", f"{host}: {error.strerror or error}") from error
    failure = FetchFailure("dns", f"{host}: no address")
    for family, kind, protocol, _, address in addresses:
        sock = _ClockedSocket(family, kind, protocol)
        try:
            sock.settimeout(min(_clock.timeout_s, _clock.remaining()))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = _failed_connect(host, error)
            continue
        except BaseException:
            sock.close()
            raise
        return sock
    raise failure


def _failed_connect(host: str, error: OSError) -> FetchFailure:
    if isinstance(error, TimeoutError):
        return FetchFailure("timeout", f"{host}: no connection within {_clock.timeout_s:g} s")
    return FetchFailure("connect", f"{host}: {error.strerror or error}")


class _ClockedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 80)


class _ClockedTlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 443)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _ClockedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _ClockedTlsConnection


_pool_lock = threading.Lock()


def _pool() -> urllib3.PoolManager:
    """Return this process's client. HTTP_PROXY and its kin are not read: connections are direct."""
    with _pool_lock:
        return _make_pool()


@functools.cache
def _make_pool() -> urllib3.PoolManager:
    context = ssl.create_default_context()
    context.sslsocket_class = _ClockedTlsSocket
    pool = urllib3.PoolManager(num_pools=_POOL_HOSTS, maxsize=_POOL_CONNECTIONS, ssl_context=context)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return pool
