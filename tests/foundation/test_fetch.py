"""The fetcher: no spelling of an internal address is ever dialled, and no page holds the worker up.

Every connection the process tries is recorded. ``93.184.216.34`` plays the public web and is led to a small
server on loopback; any other address is refused by the test itself, so that a mistake cannot reach anything.
"""
import gzip
import itertools
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from marketplace.foundation import clock, fetch
from marketplace.foundation.fetch import Fetched, FetchFailed, FetchFailure

pytestmark = pytest.mark.once  # No database in here.

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "93.184.216.35"
REAL_CONNECT, REAL_LOOK_UP = socket.socket.connect, socket.getaddrinfo
Respond = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """What the fetcher sees: names and their addresses, pages by path; and what it did."""

    def __init__(self) -> None:
        self.names: dict[str, Iterator[list[str]]] = {}
        self.pages: dict[str, Respond] = {}
        self.dialled: list[tuple[str, int]] = []
        self.looked_up: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.stopping = threading.Event()
        self.port = 0
        self.is_public("blog.example", "other.example")

    def is_public(self, *names: str) -> None:
        self.answers(PUBLIC, names=names)

    def answers(self, *addresses: str, names: tuple[str, ...]) -> None:
        for name in names:
            self.names[name] = itertools.repeat(list(addresses))

    def page(self, path: str, body: bytes, kind: str | None = "text/html; charset=utf-8", status: int = 200, **more: str) -> None:
        def respond(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            if kind is not None:
                request.send_header("Content-Type", kind)
            for name, value in more.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()
            request.wfile.write(body)

        self.pages[path] = respond

    def redirect(self, path: str, location: str, status: int = 302, body: bytes = b"", **more: str) -> None:
        self.page(path, body, status=status, Location=location, **more)

    def look_up(self, host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name.rstrip(".") in self.names:
            self.looked_up.append(name)
            return [address for text in next(self.names[name.rstrip(".")]) for address in self._numeric(text, port)]
        return self._numeric(name, port)  # numeric spellings as the system reads them; a name is unknown

    @staticmethod
    def _numeric(text: str, port: Any) -> Any:
        return REAL_LOOK_UP(text, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)

    def connect(self, connecting: socket.socket, address: Any) -> None:
        self.dialled.append(address[:2])
        if address[0] not in (PUBLIC, "127.0.0.1") or (address[0] == "127.0.0.1" and address[1] != self.port):
            raise ConnectionRefusedError("the test lets nothing else be dialled")
        REAL_CONNECT(connecting, ("127.0.0.1", self.port))


class Server(ThreadingHTTPServer):
    """One for all tests of this file: it serves the web of the test that runs."""

    daemon_threads = True
    web: Web


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        web = self.server.web
        web.headers.append({name.lower(): value for name, value in self.headers.items()})
        with suppress(OSError):  # the fetcher hangs up on purpose
            web.pages[self.path](self)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, server: Server) -> Iterator[Web]:
    web = server.web = Web()
    web.port = server.server_port
    monkeypatch.setattr(socket, "getaddrinfo", web.look_up)
    monkeypatch.setattr(socket.socket, "connect", lambda connecting, address: web.connect(connecting, address))
    yield web
    web.stopping.set()


def failure(url: str, **more: Any) -> FetchFailure:
    with pytest.raises(FetchFailed) as refusal:
        fetch.fetch(url, **more)
    return refusal.value.reason


INTERNAL_NAMES = {
    "rebound.example": ["127.0.0.1"], "lan.example": ["192.168.1.10"], "lan6.example": ["fd00::1"], "mixed.example": [PUBLIC, "10.0.0.1"],
    "mixed-late.example": [PUBLIC, OTHER_PUBLIC, "::1"], "metadata.google.internal": ["169.254.169.254"], "localhost": ["::1", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"], "linklocal.example": ["fe80::1%lo"],
}  # fmt: skip

HOSTILE = [
    # loopback, as people and attackers write it
    "http://127.0.0.1/", "http://127.0.0.1:80/", "https://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://127.255.255.254/",
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0x7f.1/", "http://0177.0.0.1/", "http://017700000001/",
    "http://0177.0x0.0.01/", "http://00000177.0.0.1/", "http://0/", "http://0.0.0.0/", "http://0x0/", "http://localhost/", "http://LOCALHOST/",
    "http://localhost./", "http://①②⑦.⓪.⓪.①/", "http://１２７.０.０.１/", "http://127。0。0。1/", "http://⑫7.0.0.1/",
    "http://%6c%6f%63alhost/", "http://127.0.0.1%2f@blog.example/", "http://127.0.0.1%00.blog.example/",
    # IPv6
    "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:93.184.216.34]/",
    "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[2001::7f00:1]/", "http://[fe80::1]/", "http://[fe80::1%25lo]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[fec0::1]/",
    "http://[ff02::1]/", "http://[100::1]/", "http://[2001:db8::1]/", "http://[5f00::1]/", "http://[4000::1]/", "http://[3fff::1]/", "http://[::1]:80/",
    # private, shared, special, metadata
    "http://10.0.0.1/", "http://10.255.255.255/", "http://012.0.0.1/", "http://167772161/", "http://172.16.0.1/", "http://172.31.255.255/",
    "http://192.168.0.1/", "http://192.168.257/", "http://0xc0a80001/", "http://3232235521/", "http://100.64.0.1/", "http://100.100.100.200/",
    "http://169.254.169.254/latest/meta-data/", "http://0xa9fea9fe/", "http://2852039166/", "http://0251.0376.0251.0376/", "http://169.254.43518/",
    "http://168.63.129.16/", "http://192.0.0.192/", "http://198.18.0.1/", "http://192.0.2.1/", "http://224.0.0.1/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://192.88.99.1/",
    # names that lead inside
    *(f"http://{name}/" for name in INTERNAL_NAMES), "https://rebound.example/",
    # what a parser may take for another host
    "http://blog.example@127.0.0.1/", "http://blog.example:x@127.0.0.1/", "http://127.0.0.1:80@blog.example:0/", "http://blog.example\\@127.0.0.1/",
    "http://127.0.0.1\\@blog.example/", "http://127.0.0.1 @blog.example/", "http://127.0.0.1\t/", "http://127.0.0.1\n/x", "http://127.0.0.1#@blog.example/",
    "http://127.0.0.1?@blog.example/", "http:127.0.0.1/", "http:/127.0.0.1/", "http:///127.0.0.1/", "///127.0.0.1/", "//127.0.0.1/",
    # other ports and schemes
    "http://blog.example:22/", "http://blog.example:5432/", "http://blog.example:8080/", "https://blog.example:8443/", "http://blog.example:65536/",
    "ftp://blog.example/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "dict://127.0.0.1:11211/", "data:text/html,x", "unix:///run/db.sock",
    "http+unix://%2frun%2fdb.sock/x", "javascript:alert(1)", "", "blog.example", "http://", "http://" + "a" * 3000 + "/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_no_hostile_address_is_dialled(web: Web, url: str) -> None:
    for name, addresses in INTERNAL_NAMES.items():
        web.answers(*addresses, names=(name,))
    assert failure(url) in (FetchFailure.REFUSED_ADDRESS, FetchFailure.BAD_URL)
    assert web.dialled == []


@pytest.mark.parametrize("url", HOSTILE)
def test_no_redirect_to_a_hostile_address_is_dialled(web: Web, url: str) -> None:
    for name, addresses in INTERNAL_NAMES.items():
        web.answers(*addresses, names=(name,))
    web.redirect("/post", url.replace("\n", "").encode().decode("latin-1"))
    web.page("/127.0.0.1/", b"a relative path on the public site")
    with suppress(FetchFailed):  # some, seen from a page, are harmless relative paths
        fetch.fetch("http://blog.example/post")
    assert set(web.dialled) <= {(PUBLIC, 80)}


def test_the_list_of_hostile_addresses_is_long() -> None:
    assert len(set(HOSTILE)) >= 100


def test_an_unknown_name_is_unreachable(web: Web) -> None:
    assert failure("http://no-such-name.example/") is FetchFailure.UNREACHABLE
    assert failure("http://127.0.0.1./") is FetchFailure.UNREACHABLE  # a name, not a number, for the system
    assert failure("https://a..example/") is FetchFailure.BAD_URL
    assert web.dialled == []


def test_a_name_that_changes_its_address_is_asked_once_and_pinned(web: Web) -> None:
    web.names["rebinding.example"] = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    web.page("/post", b"David looks for a car")
    assert fetch.fetch("http://rebinding.example/post").text == "David looks for a car"
    assert web.looked_up == ["rebinding.example"] and web.dialled == [(PUBLIC, 80)]


def test_a_name_that_changes_between_redirects_is_vetted_again(web: Web) -> None:
    web.names["rebinding.example"] = iter([[PUBLIC], ["127.0.0.1"]])
    web.redirect("/post", "/again")
    assert failure("http://rebinding.example/post") is FetchFailure.REFUSED_ADDRESS
    assert web.dialled == [(PUBLIC, 80)]


def test_a_proxy_variable_is_not_followed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{web.port}")
    web.page("/post", b"straight")
    assert fetch.fetch("http://blog.example/post").text == "straight"
    assert web.dialled == [(PUBLIC, 80)]


def test_a_page_comes_back_as_text_with_where_and_when(web: Web) -> None:
    moment = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    web.page("/post?id=7", "Ich möchte ein Auto kaufen".encode())
    clock.use(lambda: moment)
    try:
        page = fetch.fetch("  http://blog.example/post?id=7#top \n")
    finally:
        clock.use(clock.system_time)
    assert page == Fetched(
        "  http://blog.example/post?id=7#top \n", "http://blog.example/post?id=7#top", 200, "text/html", "Ich möchte ein Auto kaufen", moment
    )


def test_the_request_says_who_asks_and_carries_nothing_else(web: Web) -> None:
    web.redirect("/start", "http://other.example/post", Set_Cookie="a=b; Domain=example")
    web.page("/post", b"ok", Set_Cookie="c=d")
    fetch.fetch("http://blog.example/start")
    fetch.fetch("http://other.example/post")
    assert [sorted(headers) for headers in web.headers] == [["accept", "accept-encoding", "connection", "host", "user-agent"]] * 3
    assert [headers["host"] for headers in web.headers] == ["blog.example", "other.example", "other.example"]
    assert web.headers[0]["user-agent"].startswith("Fingerpost/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed_and_a_fourth_is_not(web: Web, status: int) -> None:
    web.redirect("/1", "/2", status)
    web.redirect("/2", "//other.example/3", status)
    web.redirect("/3", "http://blog.example/4", status)
    web.page("/4", b"here")
    page = fetch.fetch("http://blog.example/1")
    assert (page.url, page.final_url, page.text) == ("http://blog.example/1", "http://blog.example/4", "here")
    web.redirect("/0", "/1", status)
    assert failure("http://blog.example/0") is FetchFailure.TOO_MANY_REDIRECTS


def test_a_loop_ends(web: Web) -> None:
    web.redirect("/loop", "/loop")
    assert failure("http://blog.example/loop") is FetchFailure.TOO_MANY_REDIRECTS
    assert len(web.dialled) == fetch.MAX_REDIRECTS + 1


def test_a_redirect_to_a_name_in_other_letters_is_followed(web: Web) -> None:
    web.is_public("xn--bcher-kva.example")
    web.redirect("/post", "http://bücher.example/caf%C3%A9 neu".encode().decode("latin-1"))
    web.page("/caf%C3%A9%20neu", b"here")
    assert fetch.fetch("http://blog.example/post").text == "here"


def test_a_redirect_without_a_target_or_to_another_kind_of_page_fails(web: Web) -> None:
    web.page("/nowhere", b"", status=302)
    web.page("/choices", b"", status=300)
    assert failure("http://blog.example/nowhere") is FetchFailure.HTTP_ERROR
    assert failure("http://blog.example/choices") is FetchFailure.HTTP_ERROR


def test_https_is_never_left_for_http() -> None:
    class Redirect:
        status_code = 302
        headers = {"Location": "http://blog.example/post"}

    with pytest.raises(FetchFailed) as refusal:
        fetch._next_address("https://blog.example/post", Redirect())  # type: ignore[arg-type]
    assert refusal.value.reason is FetchFailure.REFUSED_ADDRESS
    assert fetch._next_address("http://blog.example/post", Redirect()) == "http://blog.example/post"  # type: ignore[arg-type]


def test_a_server_that_speaks_no_tls_is_unreachable_by_https(web: Web) -> None:
    web.page("/post", b"plain")
    assert failure("https://blog.example/post") is FetchFailure.UNREACHABLE
    assert web.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize("status", [204 + 200, 403, 410, 429, 500, 503, 304])
def test_an_error_of_the_site_is_told_with_its_status(web: Web, status: int) -> None:
    web.page("/post", b"sorry", status=status)
    with pytest.raises(FetchFailed) as refusal:
        fetch.fetch("http://blog.example/post")
    assert refusal.value.reason is FetchFailure.HTTP_ERROR and refusal.value.page_status == status


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "application/json", "text/css", "text/htmlx", "", None])
def test_what_is_no_page_of_text_is_not_read(web: Web, kind: str | None) -> None:
    web.page("/post", b"\x89PNG", kind)
    assert failure("http://blog.example/post") is FetchFailure.NOT_HTML


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML ; charset=UTF-8", "application/xhtml+xml", "text/plain; charset=utf-8"])
def test_pages_of_text_are_read(web: Web, kind: str) -> None:
    web.page("/post", b"hello", kind)
    assert fetch.fetch("http://blog.example/post").content_type == kind.partition(";")[0].strip().lower()


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("coche rápido".encode("latin-1"), "text/html; charset=ISO-8859-1", "coche rápido"),
        ("“car” – 5 €".encode("cp1252"), "text/html; charset=latin-1", "“car” – 5 €"),
        ("coche rápido".encode(), "text/html", "coche rápido"),
        ("coche rápido".encode("latin-1"), "text/html", "coche rápido"),
        ('<meta charset="shift_jis">車'.encode("shift_jis"), "text/html", '<meta charset="shift_jis">車'),
        (b'<meta http-equiv=x content="text/html; charset=windows-1251">\xcc\xe0\xf8\xe8\xed\xe0', "text/html", '<meta http-equiv=x content="text/html; charset=windows-1251">Машина'),
        ("voiture à".encode("utf-8-sig"), "text/html; charset=ascii", "voiture à"),
        ("Wagen ö".encode("utf-16"), "text/html", "Wagen ö"),
        (b"bad \xff\xfe bytes \x81", "text/html; charset=utf-8", "bad ÿþ bytes \ufffd"),
        (b"caf\xc3\xa9", "text/html; charset=idna", "café"),
        (b"caf\xc3\xa9", "text/html; charset=no-such-thing", "café"),
        (b"caf\xc3\xa9", "text/html; charset=unicode_escape", "café"),
        (b"caf\xc3\xa9", 'text/html; charset="utf8"', "café"),
        (b"a\x00b", "text/html", "ab"),
        (b"", "text/html", ""),
    ],
)
def test_letters_are_read_as_a_browser_would(web: Web, body: bytes, kind: str, text: str) -> None:
    web.page("/post", body, kind)
    assert fetch.fetch("http://blog.example/post").text == text


def test_a_compressed_page_is_unpacked(web: Web) -> None:
    web.page("/gzip", gzip.compress(b"small"), Content_Encoding="gzip")
    web.page("/deflate", zlib.compress(b"small"), Content_Encoding="deflate")
    web.page("/br", b"whatever", Content_Encoding="br")
    web.page("/broken", b"not gzip at all", Content_Encoding="gzip")
    assert fetch.fetch("http://blog.example/gzip").text == fetch.fetch("http://blog.example/deflate").text == "small"
    assert failure("http://blog.example/br") is FetchFailure.NOT_HTML
    assert failure("http://blog.example/broken") is FetchFailure.NOT_HTML


def test_two_mebibytes_are_read_and_one_byte_more_is_not(web: Web) -> None:
    web.page("/full", b"x" * fetch.MAX_BYTES)
    web.page("/over", b"x" * (fetch.MAX_BYTES + 1))
    assert len(fetch.fetch("http://blog.example/full").text) == fetch.MAX_BYTES
    assert failure("http://blog.example/over") is FetchFailure.TOO_LARGE


def _bomb(mebibytes: int, layers: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(b"\0" * 1024 * 1024) for _ in range(mebibytes)) + packer.flush()
    for _ in range(layers - 1):
        packed = gzip.compress(packed)
    return packed


@pytest.mark.parametrize("layers", [1, 2])
def test_a_page_that_unpacks_to_a_hundred_megabytes_is_dropped_early(web: Web, layers: int) -> None:
    web.page("/bomb", _bomb(100, layers), Content_Encoding=", ".join(["gzip"] * layers))
    read: list[int] = []
    real_read = fetch.requests.packages.urllib3.response.HTTPResponse.read

    def counted(response: Any, *args: Any, **kwargs: Any) -> bytes:
        chunk: bytes = real_read(response, *args, **kwargs)
        read.append(len(chunk))
        return chunk

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("urllib3.response.HTTPResponse.read", counted)
        assert failure("http://blog.example/bomb") is FetchFailure.TOO_LARGE
    assert max(read) <= fetch._CHUNK_BYTES and sum(read) <= fetch.MAX_BYTES + fetch._CHUNK_BYTES


def test_a_bomb_in_the_body_of_a_redirect_is_not_even_read(web: Web) -> None:
    web.redirect("/start", "/post", body=_bomb(20, 1), Content_Encoding="gzip")
    web.page("/post", b"here")
    with pytest.MonkeyPatch.context() as patch:
        unpacked: list[int] = []
        patch.setattr("urllib3.response.GzipDecoder.decompress", lambda *_, **__: unpacked.append(1) or b"")
        assert fetch.fetch("http://blog.example/start").text == "here"
    assert unpacked == []


def test_an_endless_page_is_cut(web: Web) -> None:
    def pour(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.end_headers()
        while not web.stopping.is_set():
            request.wfile.write(b"x" * 65536)

    web.pages["/endless"] = pour
    assert failure("http://blog.example/endless") is FetchFailure.TOO_LARGE


def _drip(web: Web, head: bytes, drop: bytes) -> Respond:
    def respond(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(head)
        while not web.stopping.wait(0.02):
            request.wfile.write(drop)

    return respond


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 2", b"0"),
        (HEAD + b"X-Slow: ", b"a"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"\r\n", b"a"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a" * 100)[:-8], b""),
    ],
)
def test_a_slow_drip_ends_with_the_deadline_wherever_it_drips(web: Web, monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes) -> None:
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.25)
    web.pages["/slow"] = _drip(web, head, drop)
    before = fetch.Deadline(0)._ends
    assert failure("http://blog.example/slow") is FetchFailure.TOO_SLOW
    assert fetch.Deadline(0)._ends - before < 2


def test_silence_ends_with_the_read_timeout_long_before_the_deadline(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "READ_SECONDS", 0.1)
    web.pages["/head"] = _drip(web, b"", b"")
    web.pages["/body"] = _drip(web, HEAD + b"\r\nhello", b"")
    before = fetch.Deadline(0)._ends
    assert failure("http://blog.example/head") is FetchFailure.TOO_SLOW
    assert failure("http://blog.example/body") is FetchFailure.TOO_SLOW
    assert fetch.Deadline(0)._ends - before < fetch.TOTAL_SECONDS / 2


def test_redirects_share_one_deadline(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.3)

    def slow_redirect(request: BaseHTTPRequestHandler) -> None:
        web.stopping.wait(0.2)
        request.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /slow\r\n\r\n")

    web.pages["/slow"] = slow_redirect
    assert failure("http://blog.example/slow") is FetchFailure.TOO_SLOW


def test_a_slow_name_server_ends_with_the_deadline(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.2)

    def slow_look_up(*_: Any, **__: Any) -> Any:
        web.stopping.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "slow")

    monkeypatch.setattr(socket, "getaddrinfo", slow_look_up)
    assert failure("http://blog.example/post") is FetchFailure.TOO_SLOW
    assert web.dialled == []


def test_a_connection_cut_short_is_unreachable(web: Web) -> None:
    web.pages["/cut"] = lambda request: request.wfile.write(HEAD + b"Content-Length: 1000\r\n\r\nonly this")  # type: ignore[assignment,return-value]
    web.pages["/rubbish"] = lambda request: request.wfile.write(b"\x00\x01 rubbish\r\n\r\n")  # type: ignore[assignment,return-value]
    web.pages["/headers"] = lambda request: request.wfile.write(HEAD + b"X-Many: 1\r\n" * 500 + b"\r\n")  # type: ignore[assignment,return-value]
    web.answers(OTHER_PUBLIC, names=("down.example",))
    for url in ("http://blog.example/cut", "http://blog.example/rubbish", "http://blog.example/headers", "http://down.example/"):
        assert failure(url) is FetchFailure.UNREACHABLE


def test_an_allowed_place_may_be_loopback_and_no_other_may(web: Web) -> None:
    allow = frozenset({f"127.0.0.1:{web.port}", f"demo.example:{web.port}", "lan.example:80"})
    web.answers("127.0.0.1", names=("demo.example", "sly.example"))
    web.answers("192.168.1.10", names=("lan.example",))
    web.page("/post", b"David looks for a car")
    web.redirect("/inward", f"http://sly.example:{web.port}/post")
    assert fetch.fetch(f"http://127.0.0.1:{web.port}/post", allow=allow).text == "David looks for a car"
    assert fetch.fetch(f"http://demo.example:{web.port}/post", allow=allow).text == "David looks for a car"
    assert [headers["host"] for headers in web.headers] == [f"127.0.0.1:{web.port}", f"demo.example:{web.port}"]
    web.dialled.clear()
    for url in (f"http://127.0.0.1:{web.port + 1}/", "http://127.0.0.1/", f"http://localhost:{web.port}/", f"http://127.1:{web.port}/", "http://lan.example/"):
        assert failure(url, allow=allow) is FetchFailure.REFUSED_ADDRESS
    assert failure(f"http://127.0.0.1:{web.port}/post") is FetchFailure.REFUSED_ADDRESS
    assert web.dialled == []
    assert failure(f"http://127.0.0.1:{web.port}/inward", allow=allow) is FetchFailure.REFUSED_ADDRESS


@pytest.mark.parametrize("reason", FetchFailure)
def test_every_failure_says_what_to_do_and_nothing_internal(reason: FetchFailure) -> None:
    refusal = FetchFailed(reason)
    assert refusal.status == 422 and refusal.code == f"page_{reason}"
    assert refusal.message.endswith(".") and refusal.next_step.endswith(".")
    assert not any(character.isdigit() for character in refusal.message.replace("2 MB", ""))
