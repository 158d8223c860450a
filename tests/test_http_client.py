"""One address at a time: each cause, what is retried, what a request says of itself, and how long it may take."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from dataengine import http_client
from dataengine.decode import FetchFailure
from dataengine.demo.server import PictureServer
from dataengine.fetch_options import FetchOptions
from dataengine.http_client import Fetched, can_heal, fetch_url, is_opted_out

QUICK = FetchOptions(timeout_s=2, deadline_s=3, max_bytes=2**20, retries=1, backoff_s=0.01)


def jpeg() -> bytes:
    stream = BytesIO()
    Image.effect_noise((96, 80), 60).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[PictureServer]:
    data = jpeg()
    with PictureServer({"/a.jpg": data, "/with space.jpg": data, "/ärger.jpg": data}, slow_s=60) as running:
        yield running


def failure_at(url: str, options: FetchOptions = QUICK) -> FetchFailure:
    with pytest.raises(FetchFailure) as caught:
        fetch_url(url, options)
    return caught.value


@pytest.mark.parametrize(
    ("path", "cause", "status", "attempts"),
    [
        ("gone/a.jpg", "http_404", 404, 1),
        ("forbidden/a.jpg", "http_403", 403, 1),
        ("error/a.jpg", "http_500", 500, 2),
        ("drip/a.jpg", "deadline", 200, 1),
        ("endless/a.jpg", "too_large", 200, 1),
        ("html/a.jpg", "not_image", 200, 1),
        ("empty/a.jpg", "empty", 200, 1),
        ("short/a.jpg", "truncated", 200, 2),
        ("reset/a.jpg", "connect", None, 2),
        ("redirect/6/a.jpg", "http_302", 302, 1),
        ("loop/a.jpg", "http_302", 302, 1),
        ("robots/a.jpg", "opt_out", 200, 1),
    ],
)
def test_each_misbehaviour_has_its_cause(
    server: PictureServer, path: str, cause: str, status: int | None, attempts: int
) -> None:
    failure = failure_at(server.url(path))
    assert (failure.cause, failure.http_status, failure.attempts) == (cause, status, attempts)


@pytest.mark.parametrize(
    "url",
    ["", "a.jpg", "//host/a.jpg", "http://", "ftp://host/a.jpg", "file:///etc/passwd", "data:image/png;base64,AAAA",
     "dataengine-local:/etc/passwd", "http://[::1/a.jpg", "http://host:99999999/a.jpg", f"http://{'x' * 70}.org/a.jpg"],
)  # fmt: skip
def test_what_is_no_http_address_is_never_asked(url: str) -> None:
    failure = failure_at(url)
    assert (failure.cause, failure.attempts, failure.http_status) == ("bad_url", 1, None)


def test_a_picture_comes_with_how_it_was_had(server: PictureServer) -> None:
    assert fetch_url(server.url("a.jpg"), QUICK) == Fetched(
        server.pictures["/a.jpg"], 200, 1, server.url("a.jpg")  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "final", "attempts"),
    [("redirect/5/a.jpg", "a.jpg", 1), ("flaky/a.jpg", "flaky/a.jpg", 2), ("with space.jpg", "with space.jpg", 1),
     ("ärger.jpg", "ärger.jpg", 1), ("%C3%A4rger.jpg", "%C3%A4rger.jpg", 1)],
)  # fmt: skip
def test_detours_lead_to_the_picture(server: PictureServer, path: str, final: str, attempts: int) -> None:
    fetched = fetch_url(server.url(path), QUICK)
    assert (fetched.final_url, fetched.attempts) == (server.url(final), attempts)
    assert fetched.data == server.pictures["/a.jpg"]


def test_silence_ends_after_the_timeout_and_is_asked_again(server: PictureServer) -> None:
    start = time.monotonic()
    failure = failure_at(server.url("slow/a.jpg"), FetchOptions(timeout_s=0.3, deadline_s=5, retries=1, backoff_s=0))
    assert (failure.cause, failure.attempts) == ("timeout", 2)
    assert time.monotonic() - start < 4


def test_retries_share_one_deadline(server: PictureServer) -> None:
    start = time.monotonic()
    failure = failure_at(server.url("slow/a.jpg"), FetchOptions(timeout_s=0.5, deadline_s=1.2, retries=9, backoff_s=0))
    assert failure.cause == "deadline"
    assert time.monotonic() - start < 4


def test_headers_that_drip_end_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
                for _ in range(200):
                    time.sleep(0.05)
                    try:
                        connection.sendall(b"a")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        start = time.monotonic()
        failure = failure_at(
            f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg", FetchOptions(timeout_s=1, deadline_s=1)
        )
        assert failure.cause == "deadline"
        assert time.monotonic() - start < 4


def test_retry_after_is_waited_for_where_the_deadline_allows(server: PictureServer) -> None:
    start = time.monotonic()
    patient = failure_at(server.url("busy/a.jpg"), FetchOptions(retries=1, backoff_s=0))
    assert (patient.cause, patient.attempts) == ("http_429", 2)
    assert time.monotonic() - start >= 1
    hurried = failure_at(server.url("busy/a.jpg"), FetchOptions(retries=1, backoff_s=0, deadline_s=0.8))
    assert (hurried.cause, hurried.attempts) == ("http_429", 1)


def test_nobody_listening_is_a_failed_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = failure_at(f"http://127.0.0.1:{unused.getsockname()[1]}/a.jpg")
    assert (failure.cause, failure.attempts) == ("connect", 2)
    assert "refused" in failure.detail


def test_an_unknown_host_is_a_dns_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = failure_at("http://host.invalid/a.jpg")
    assert (failure.cause, failure.attempts) == ("dns", 2)
    assert str(failure) == "dns: host.invalid: Name or service not known"


def test_a_redirect_out_of_http_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        assert failure_at(f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg").cause == "bad_url"


def test_a_body_announced_too_long_is_not_read(server: PictureServer) -> None:
    failure = failure_at(server.url("a.jpg"), FetchOptions(max_bytes=100))
    assert (failure.cause, failure.attempts) == ("too_large", 1)
    assert "announced" in failure.detail


def test_a_cancelled_shard_lets_go_within_a_second(server: PictureServer) -> None:
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    start = time.monotonic()
    with pytest.raises(FetchFailure) as caught:
        fetch_url(server.url("drip/b.jpg"), FetchOptions(), cancelled)
    assert caught.value.cause == "internal"
    assert time.monotonic() - start < 4


def test_requests_name_their_sender(server: PictureServer) -> None:
    fetch_url(server.url("a.jpg"), FetchOptions(contact="mailto:me@example.org"))
    assert server.requests[-1].headers["user-agent"].startswith("dataengine/")
    assert "+mailto:me@example.org" in server.requests[-1].headers["user-agent"]
    fetch_url(server.url("a.jpg"), FetchOptions(user_agent="my-crawler/2 (+https://example.org)"))
    assert server.requests[-1].headers["user-agent"] == "my-crawler/2 (+https://example.org)"


def test_connections_are_kept(server: PictureServer) -> None:
    fetch_url(server.url("a.jpg"), QUICK)
    before = server.num_connections
    for _ in range(5):
        fetch_url(server.url("a.jpg"), QUICK)
    assert server.num_connections == before


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["noai"], True),
        (["NoIndex, nofollow"], True),
        (["nofollow"], False),
        (["dataengine: noai"], True),
        (["otherbot: noai"], False),
        (["otherbot: noindex", "noimageai"], True),
        (["max-image-preview: large, noai"], True),
        (["max-image-preview: large"], False),
        (["all"], False),
        ([":"], False),
    ],
)
def test_robots_headers_are_read(values: list[str], expected: bool) -> None:
    assert is_opted_out(values, "dataengine", FetchOptions().disallowed_directives) is expected


def test_an_opt_out_can_be_ignored_by_choice(server: PictureServer) -> None:
    assert fetch_url(server.url("robots/a.jpg"), FetchOptions(disallowed_directives=())).http_status == 200


@pytest.mark.parametrize(
    ("cause", "heals"),
    [("dns", True), ("connect", True), ("timeout", True), ("http_429", True), ("http_503", True), ("http_404", False),
     ("http_403", False), ("tls", False), ("deadline", False), ("not_image", False), ("opt_out", False)],
)  # fmt: skip
def test_only_what_can_heal_is_retried(cause: str, heals: bool) -> None:
    assert can_heal(cause) is heals


# --------------------------------------------------------------------------------------------------------------- https


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dataengine test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def tls_server(certificate: Path) -> Iterator[PictureServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with PictureServer({"/a.jpg": jpeg()}, tls=context) as running:
        yield running


def test_a_certificate_of_nobody_is_a_tls_failure(tls_server: PictureServer) -> None:
    failure = failure_at(tls_server.url("a.jpg"))
    assert (failure.cause, failure.attempts) == ("tls", 1)
    assert "self-signed" in failure.detail


def test_a_server_without_tls_is_a_tls_failure(server: PictureServer) -> None:
    assert failure_at(server.url("a.jpg").replace("http:", "https:")).cause == "tls"


def test_https_shares_one_context_and_keeps_the_deadline(
    tls_server: PictureServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    made = []
    create = ssl.create_default_context

    def count() -> ssl.SSLContext:
        made.append(create())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", count)
    http_client._make_pool.cache_clear()
    try:
        for _ in range(3):
            assert fetch_url(tls_server.url("a.jpg"), QUICK).data == tls_server.pictures["/a.jpg"]
        assert len(made) == 1
        start = time.monotonic()
        assert failure_at(tls_server.url("drip/a.jpg"), FetchOptions(timeout_s=1, deadline_s=1)).cause == "deadline"
        assert time.monotonic() - start < 4
    finally:
        http_client._make_pool.cache_clear()
