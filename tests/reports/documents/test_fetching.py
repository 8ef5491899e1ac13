"""Fetching: public addresses alone, each redirect checked, bytes and time bounded."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from mains.errors import AddressRefused, DocumentTooLarge, DocumentUnreadable, SourceUnreachable
from mains.reports.documents import fetching
from mains.reports.documents.fetching import Address, Fetched, fetch, is_public

Serve = Callable[[BaseHTTPRequestHandler], None]


class Town:
    """A web server on loopback whose pages are functions, and what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Serve] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        town = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                town.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                try:
                    town.pages[self.path](self)
                except OSError:
                    return

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def page(self, path: str, content: bytes, **headers: str) -> str:
        def serve(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(content)

        self.pages[path] = serve
        return self.url(path)

    def redirect(self, path: str, target: str) -> str:
        def serve(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Set-Cookie", "seen=1")
            handler.end_headers()

        self.pages[path] = serve
        return self.url(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.close()


def fetch_here(url: str, *, seconds_max: float = 10.0, bytes_max: int = 100_000) -> Fetched:
    """Fetch with the permission that only tests give: loopback may be connected to."""
    return fetch(url, may_connect=_loopback, seconds_max=seconds_max, bytes_max=bytes_max)


def _loopback(address: Address, port: int) -> bool:
    return address.is_loopback


def test_a_page_is_fetched_with_its_type_and_name(town: Town) -> None:
    url = town.page("/news/r%C3%A9port.html", b"<p>12</p>", Content_Type="text/html; charset=utf-8")
    found = fetch_here(url)
    assert found.content == b"<p>12</p>"
    assert found.media_type == "text/html; charset=utf-8"
    assert found.name == "réport.html"
    assert found.url == url


def test_loopback_is_refused_unless_a_test_permits_it(town: Town) -> None:
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        fetch(town.page("/", b"secret"))
    assert town.asked == []


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "100.100.100.200", str(ip_address(0)), "224.0.0.1", "255.255.255.255"),
        *("198.18.0.1", "192.0.2.1", "240.0.0.1", "168.63.129.16"),
        *(
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[fe80::1]",
            "[fd00:ec2::254]",
        ),
        *("[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::7f00:1]", "[2001::1]"),
        *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "134744072", "127.0.0.1."),
        *("localhost", "８.８.８.８:22"),
    ],
)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        fetch(f"http://{host}/")
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://news.example/", "file:///etc/passwd", "gopher://news.example/", "news.example"),
        *("//news.example/", "http://", "http:///path", "javascript:1", "http://[::1", ""),
        *("http://name:hidden@news.example/", "http://name@news.example/", "http://\x00/"),
        "http://news.example/" + "a" * 3_000,
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        fetch(url)
    assert "hidden" not in str(caught.value)


def test_public_addresses_pass_and_other_services_do_not() -> None:
    assert is_public(ip_address("93.184.215.14"), 443)
    assert is_public(ip_address("2606:2800:21f::1"), 8_080)
    assert not is_public(ip_address("93.184.215.14"), 25)


def test_a_redirect_is_followed_and_named(town: Town) -> None:
    target = town.page("/b.txt", b"twelve")
    assert fetch_here(town.redirect("/a", "/b.txt")).url == target


def test_a_redirect_to_a_private_address_is_refused(town: Town) -> None:
    for target in ("http://10.0.0.1/", "http://169.254.169.254/latest/", "file:///etc/passwd"):
        with pytest.raises(AddressRefused):
            fetch_here(town.redirect("/a", target))


def test_redirects_end(town: Town) -> None:
    with pytest.raises(SourceUnreachable, match="redirects more than"):
        fetch_here(town.redirect("/a", "/a"))
    assert len(town.asked) == 1 + fetching.REDIRECTS_MAX


def test_the_connection_goes_to_the_address_that_was_checked(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    genuine = socket.getaddrinfo

    def rebinding(host: str, *rest: object, **more: object) -> object:
        looked_up.append(str(host))
        answers = {"news.example": ["127.0.0.1", "10.0.0.1"][min(len(looked_up), 2) - 1]}
        return genuine(answers.get(str(host), str(host)), *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    town.page("/", b"the first")
    assert fetch_here(town.url("/", host="news.example")).content == b"the first"
    assert looked_up.count("news.example") == 1
    assert town.asked[0][1]["host"] == f"news.example:{town.port}"


def test_one_private_address_among_several_refuses_all(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, town.port))
        for address in ("127.0.0.1", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        fetch_here(town.url("/", host="news.example"))


def test_no_cookie_no_credentials_and_no_proxy_of_the_environment(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    town.page("/b", b"12")
    fetch_here(town.redirect("/a", "/b"))
    for _, headers in town.asked:
        assert "cookie" not in headers
        assert "authorization" not in headers


@pytest.mark.parametrize("declares", [True, False])
def test_a_page_that_is_too_large_is_refused(town: Town, declares: bool) -> None:
    headers = {"Content_Length": "200000"} if declares else {}
    with pytest.raises(DocumentTooLarge):
        fetch_here(town.page("/", b"x" * 200_000, **headers))


def test_gzip_is_unpacked_only_as_far_as_the_bound(town: Town) -> None:
    small = town.page("/a", gzip.compress(b"twelve"), Content_Encoding="gzip")
    assert fetch_here(small).content == b"twelve"
    bomb = town.page("/b", gzip.compress(bytes(2**26)), Content_Encoding="gzip")
    with pytest.raises(DocumentTooLarge):
        fetch_here(bomb)
    for content in (b"no gzip", gzip.compress(b"twelve" * 100)[:-12]):
        with pytest.raises(DocumentUnreadable):
            fetch_here(town.page("/c", content, Content_Encoding="gzip"))
    with pytest.raises(DocumentUnreadable, match="not asked for"):
        fetch_here(town.page("/d", b"x", Content_Encoding="br"))


def test_a_page_that_drips_is_given_up_in_time(town: Town) -> None:
    slowly = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(400):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            slowly.wait(0.05)

    town.pages["/"] = drip
    started = time.monotonic()
    with pytest.raises(SourceUnreachable, match="within"):
        fetch_here(town.url("/"), seconds_max=0.6)
    assert time.monotonic() - started < 5


def test_errors_of_the_server_and_of_the_network_are_told(town: Town) -> None:
    with pytest.raises(SourceUnreachable, match="cannot be fetched"):
        fetch_here(town.url("/unknown"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(SourceUnreachable):
            fetch_here(f"http://127.0.0.1:{closed.getsockname()[1]}/")
    with pytest.raises(SourceUnreachable, match="cannot be resolved"):
        fetch("http://no-such-name.invalid/")
