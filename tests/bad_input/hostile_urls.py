"""Addresses that lead inside, made by kind; and a net around the process that counts what is dialled, and where."""
import ipaddress
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

PUBLIC = "93.184.216.34"
INSIDE = ("127.0.0.1", "10.0.0.5", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.9", "0.0.0.0")


def _parts(address: str) -> list[int]:
    return [int(part) for part in address.split(".")]


def _number(address: str) -> int:
    return int(ipaddress.IPv4Address(address))


def _v6(prefix: str, address: str) -> str:
    high, low = divmod(_number(address), 65536)
    return f"[{prefix}{high:x}:{low:x}]"


def _letters(text: str, zero: int) -> str:
    return "".join(chr(zero + int(c)) if c.isdigit() else c for c in text)


SPELLINGS: list[Callable[[str], str]] = [
    lambda a: a,
    lambda a: f"{a}.",
    lambda a: f"{a}:80",
    lambda a: str(_number(a)),
    lambda a: hex(_number(a)),
    lambda a: f"0{_number(a):o}",
    lambda a: ".".join(hex(part) for part in _parts(a)),
    lambda a: ".".join(f"0{part:o}" for part in _parts(a)),
    lambda a: ".".join(f"{part:04o}" if place % 2 else hex(part) for place, part in enumerate(_parts(a))),
    lambda a: f"{_parts(a)[0]}.{_number(a) & 0xFFFFFF}",
    lambda a: f"{_parts(a)[0]}.{_parts(a)[1]}.{_number(a) & 0xFFFF}",
    lambda a: _letters(a, 0xFF10),  # full-width figures
    lambda a: a.replace(".", "。"),
    lambda a: _letters(a, 0x1D7CE),  # mathematical bold
    lambda a: f"[::ffff:{a}]",
    lambda a: _v6("::ffff:", a),
    lambda a: f"[::{a}]",
    lambda a: _v6("64:ff9b::", a),
    lambda a: _v6("64:ff9b:1::", a),
    lambda a: _v6("2002:", a).replace("]", "::1]"),
    lambda a: _v6("fe80::5efe:", a),
    lambda a: _v6("::ffff:0:", a),
    lambda a: f"blog.example@{a}",
    lambda a: f"blog.example:80@{a}",
    lambda a: f"blog.example%2f@{a}",
    lambda a: "".join(f"%{ord(c):02x}" for c in a),
]

NAMES: dict[str, list[list[str]]] = {  # A name and its answers, one list for each time it is asked.
    "localhost": [["127.0.0.1", "::1"]], "ip6-localhost": [["::1"]], "printer.local": [["192.168.1.7"]], "metadata.google.internal": [["169.254.169.254"]],
    "private.example": [["10.1.2.3"]], "private6.example": [["fd12:3456::1"]], "link.example": [["fe80::1"]], "mapped.example": [["::ffff:10.0.0.1"]],
    "mixed.example": [[PUBLIC, "192.168.0.5"]], "mixed-first.example": [["192.168.0.5", PUBLIC]], "mixed6.example": [[PUBLIC, "::1"]],
    "nat64.example": [["64:ff9b::a00:1"]], "six-to-four.example": [["2002:7f00:1::1"]], "any.example": [["0.0.0.0"]], "multicast.example": [["224.0.0.251"]],
    "carrier.example": [["100.100.100.200"]], "broadcast.example": [["255.255.255.255"]], "intranet": [["10.0.0.1"]], "router": [["192.168.1.1"]],
    "127.0.0.1.nip.example": [["127.0.0.1"]], "xn--lcalhost-jxf.example": [["127.0.0.1"]], "azure.example": [["168.63.129.16"]],
}
REBINDING = {f"rebinding{number}.example": [[PUBLIC], [inside]] for number, inside in enumerate(INSIDE)}

ODD = [
    "http://blog.example:22/", "http://blog.example:25/", "http://blog.example:6379/", "http://blog.example:11211/", "https://blog.example:9200/",
    "http://blog.example:0/", "http://blog.example:65536/", "http://blog.example:-80/", "http://blog.example:８０80/",
    "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stats", "ftp://127.0.0.1/", "ldap://127.0.0.1/",
    "data:text/html,hello", "javascript:alert(1)", "jar:http://127.0.0.1!/", "unix:/run/x.sock", "http+unix://%2frun%2fx.sock/", "view-source:http://127.0.0.1/",
    "about:blank", "blob:http://127.0.0.1/x", "ws://127.0.0.1/", "//127.0.0.1/", "///127.0.0.1/", "http:127.0.0.1/", "http:/127.0.0.1/", "http:\\\\127.0.0.1\\",
    "http://127.0.0.1\\@blog.example/", "http://blog.example\\@127.0.0.1/", "http://blog.example#@127.0.0.1/ x", "http://127.0.0.1 .blog.example/",
    "http://blog.example\r\nHost: 127.0.0.1/", "http://127.0.0.1\r\n.blog.example/", "http://127.0.0.1\t/", "http://127.0.0.1%0d%0aX:1/", "http://127.0.0.1%00/",
    "http://[::1]/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/", "http://[fc00::1]/", "http://[ff02::1]/",
    "http://[::ffff:127.0.0.1]:80/", "http://[2001::7f00:1]/", "http://[::1", "http://::1/", "http://[v1.127.0.0.1]/", "http://[127.0.0.1]/",
    "http://" + "1" * 3000 + "/", "http://" + "a." * 1000 + "example/", "http://" + "b" * 64 + ".example/", "http://.127.0.0.1/", "http://127..0.0.1/",
    "http://1.1.1.1 &@127.0.0.1# @blog.example/", "http://ⓛocalhost/", "http://loc\u00adalhost/", "http://localhost\u3002/", "http://ʟocalhost/", "http://127.0.0.1\ufeff/",
]


def hostile_urls() -> list[str]:
    spelled = [f"http://{spell(inside)}/post" for spell, inside in itertools.product(SPELLINGS, INSIDE)]
    secure = [f"https://{spell(INSIDE[number % len(INSIDE)])}/post" for number, spell in enumerate(SPELLINGS)]
    named = [f"{scheme}://{name}/post" for name in NAMES for scheme in ("http", "https")]
    return list(dict.fromkeys([*spelled, *secure, *named, *ODD]))


@dataclass
class Net:
    """What the process looks up, and whom it dials. ``93.184.216.34`` plays the public web, on loopback."""

    port: int = 0
    pages: dict[str, str] = field(default_factory=dict)  # Path to the place that it sends its visitors on to.
    dialled: list[str] = field(default_factory=list)
    answers: dict[str, Iterator[list[str]]] = field(default_factory=dict)

    def ask_anew(self) -> None:
        self.answers = {name: itertools.chain(iter(said), itertools.repeat(said[-1])) for name, said in (NAMES | REBINDING).items()}
        self.answers["blog.example"] = itertools.repeat([PUBLIC])

    @property
    def inward(self) -> list[str]:
        """Dials to what is not on the public web."""
        return [one for one in self.dialled if one != PUBLIC]


@contextmanager
def cast_net(answer: Callable[[BaseHTTPRequestHandler], None] | None = None) -> Iterator[Net]:
    """Nothing leaves this machine meanwhile; each try to is counted. ``answer``: what its pages say."""
    net, connect, look_up = Net(), socket.socket.connect, socket.getaddrinfo

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                if answer is not None:
                    answer(self)
                    return
                self.send_response(302 if self.path in net.pages else 200)
                if self.path in net.pages:
                    self.send_header("Location", net.pages[self.path])
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<p>I am looking for a car for the whole family.</p>")

        def log_message(self, *_: Any) -> None:
            pass

    def resolve(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        name = (host.decode() if isinstance(host, bytes) else str(host)).rstrip(".").lower()
        found = next(net.answers[name]) if name in net.answers else [name]
        return [answer for one in found for answer in look_up(one, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)]

    def dial(connecting: socket.socket, address: Any) -> None:
        net.dialled.append(str(address[0]))
        if address[0] != PUBLIC:
            raise ConnectionRefusedError("nothing else may be dialled here")
        connect(connecting, ("127.0.0.1", net.port))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    net.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, dial)
        patch.setattr(socket.socket, "sendto", lambda self, *arguments: net.dialled.append(str(arguments[-1][0])))
        patch.setattr(socket, "getaddrinfo", resolve)
        net.ask_anew()
        yield net
    server.shutdown()
    server.server_close()
    thread.join()


def as_redirect(net: Net, url: str) -> str:
    """A page of the public web that sends its visitor on to there."""
    path = f"/to{len(net.pages)}"
    net.pages[path] = quote(url, safe="/:@%[]?#&=.\\;,+!~*'()") if url.isascii() else url.encode().decode("latin-1")
    return f"http://blog.example{path}"
