"""What is small to send and large to read, each in a process of its own that says what it took.

Run as `python -m tests.bad_input.bombs NAME`: one JSON object with seconds of CPU and of waiting, MiB beyond what the process
held before, and how it ended.
"""
import gzip
import io
import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from benchmarks.figures import peak_memory

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
MOST_SECONDS, MOST_WAITING, MOST_MEMORY = 12.0, 25.0, 520.0  # of CPU, of the wall, MiB
Bomb = Callable[[], str]


@dataclass(frozen=True)
class Blast:
    name: str
    cpu: float
    waited: float
    mib: float
    said: str

    @property
    def is_held(self) -> bool:
        return self.cpu <= MOST_SECONDS and self.waited <= MOST_WAITING and self.mib <= MOST_MEMORY and self.said != "broken"


def set_off(name: str) -> Blast:
    """In a child that may live for a minute."""
    try:
        done = subprocess.run([sys.executable, "-m", "tests.bad_input.bombs", name], cwd=ROOT, capture_output=True, timeout=60, check=True)
    except subprocess.SubprocessError as error:
        tail = getattr(error, "stderr", b"") or b""
        return Blast(name, 60.0, 60.0, 0.0, f"broken: {tail.decode()[-300:]}")
    return Blast(name, **json.loads(done.stdout))


def main(name: str) -> None:
    light = BOMBS[name]()  # What is sent is made before anything is measured.
    held, began, cpu = peak_memory(anew=True), time.monotonic(), time.process_time()
    said = light()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = time.process_time() - cpu + children.ru_utime + children.ru_stime
    print(json.dumps({"cpu": round(spent, 2), "waited": round(time.monotonic() - began, 2),
                      "mib": round(max(peak_memory() - held, children.ru_maxrss / 1024), 1), "said": said}))


# ---- pages


def _served(body: bytes, *, times: int = 1, pause: float = 0.0, **headers: str) -> Bomb:
    """A page of the public web that answers so."""
    def light() -> str:
        from marketplace.foundation import fetch  # noqa: PLC0415
        from tests.bad_input.hostile_urls import cast_net  # noqa: PLC0415

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            for key, value in ({"Content-Type": "text/html"} | headers).items():
                request.send_header(key.replace("_", "-"), value)
            request.end_headers()
            with suppress(OSError):
                for _ in range(times):
                    request.wfile.write(body)
                    time.sleep(pause)

        with cast_net(answer):
            try:
                fetch.fetch("http://blog.example/post")
            except fetch.FetchFailed as refusal:
                return str(refusal.reason)
        return "read"
    return light


def _zeros(mebibytes: int, bits: int = 31) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return b"".join(packer.compress(b"\0" * MIB) for _ in range(mebibytes)) + packer.flush()


def _page(html: str) -> Bomb:
    from marketplace.foundation.reading import read_page  # noqa: PLC0415

    def light() -> str:
        reading = read_page(html, "https://blog.example/post")
        return "a file of ours was read" if "root:" in reading.text else f"read {len(reading.text)} characters"
    return light


def _feed(feed: str) -> Bomb:
    from marketplace.foundation.feeds import find_entry  # noqa: PLC0415

    def light() -> str:
        entry = find_entry(feed, "https://blog.example/feed", {"https://blog.example/post"})
        return "a file of ours was read" if entry and "root:" in entry.title else f"found: {entry is not None}"
    return light


def _rss(items: str, head: str = "") -> str:
    return f'<?xml version="1.0"?>{head}<rss version="2.0"><channel>{items}</channel></rss>'


POST_IN_FEED = "<item><link>https://blog.example/post</link><title>{}</title></item>"


def _quote(text: str, quote: str) -> Bomb:
    from marketplace.foundation.quotes import find_quote  # noqa: PLC0415

    return lambda: f"found: {find_quote(text, quote).found}"


LAUGHS = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]><html><body><p>&a9;</p></body></html>"
OURS_BY_XML = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><html><body><p>&f;</p></body></html>'


# ---- files


def _file(content: bytes) -> Bomb:
    def light() -> str:
        from marketplace.foundation.given_files import BadFile, read_given  # noqa: PLC0415

        try:
            given = read_given(content)
        except BadFile as refusal:
            return refusal.code
        return f"read {len(given.text)} characters, {given.page_count or 0} pages"
    return light


def pdf_of(pages: int, stream: bytes = b"BT /F1 12 Tf 20 20 Td (I am looking for a car) Tj ET", packing: bytes = b"") -> bytes:
    """Written by hand: a tree of pages that share one content stream."""
    kids = b" ".join(b"%d 0 R" % (number + 5) for number in range(pages))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
               b"<</Length %d%s>>stream\n%s\nendstream" % (len(stream), packing, stream), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>>>"] * pages
    written, places = io.BytesIO(b"%PDF-1.4\n"), []
    written.seek(0, 2)
    for number, one in enumerate(objects, 1):
        places.append(written.tell())
        written.write(b"%d 0 obj%s endobj\n" % (number, one))
    table = written.tell()
    written.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places))
    written.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table))
    return written.getvalue()


def _png(width: int, height: int) -> bytes:
    """Black, a bit a point: gigabytes of picture in a megabyte."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _nested_mail(depth: int) -> bytes:
    head = b"From: a@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n"
    return head + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth)) + b"\r\nx"


def _contacts(content: bytes) -> Bomb:
    def light() -> str:
        from marketplace.foundation.errors import DomainError  # noqa: PLC0415
        from marketplace.referrals.contact_list import read_contact_list  # noqa: PLC0415

        try:
            read_contact_list(content)
        except DomainError as refusal:
            return refusal.code
        return "read"
    return light


BOMBS: dict[str, Callable[[], Bomb]] = {
    "gzip of 1 GB": lambda: _served(_zeros(1024), Content_Encoding="gzip"),
    "gzip in gzip": lambda: _served(gzip.compress(_zeros(1024)), Content_Encoding="gzip, gzip"),
    "deflate of 1 GB": lambda: _served(_zeros(1024, 15), Content_Encoding="deflate"),
    "brotli, which we do not ask for": lambda: _served(b"\x0b\x02\x80" + b"\0" * 1000, Content_Encoding="br"),
    "100 MB of text": lambda: _served(b"word " * (MIB // 5), times=100),
    "an endless header": lambda: _served(b"", X_Long="x" * 60_000),
    "a byte each half second": lambda: _served(b"x", times=60, pause=0.5),
    "HTML, 300,000 deep": lambda: _page("<div>" * 300_000 + "deep"),
    "HTML, 2 MB of open marks": lambda: _page("<b><i><u><a>" * 170_000 + "x"),
    "HTML, tables in tables": lambda: _page("<table><tr><td>" * 130_000 + "x"),
    "HTML, 100,000 attributes": lambda: _page("<p " + " ".join(f"a{n}=x" for n in range(100_000)) + ">x</p>"),
    "HTML, tags of 500 attributes": lambda: _page(
        ("<p " + " ".join(f"a{n}" for n in range(700)) + ">x</p>") * 500),
    "HTML, 2 MB of angle brackets": lambda: _page("<" * 2 * MIB),
    "HTML, one word of 2 MB": lambda: _page("<p>" + "x" * (2 * MIB - 10)),
    "HTML, 2 MB of entities": lambda: _page("<p>" + "&amp;&lt;&#65;" * 140_000),
    "HTML, 7,000 paragraphs of links": lambda: _page("<p><a href=x>y</a> z</p>" * 2_300),
    "HTML, JSON-LD 500,000 deep": lambda: _page('<script type="application/ld+json">' + "[" * 500_000 + "</script><p>I look for a car</p>"),
    "HTML, dates without end": lambda: _page("<article>" + "<time datetime=2026-1111111111111>2026-11-11 2026/11/11 </time>" * 1_900 + "</article>"),
    "XML, a billion laughs": lambda: _page(LAUGHS),
    "XML, a file of ours": lambda: _page(OURS_BY_XML),
    "feed, a billion laughs": lambda: _feed(_rss(POST_IN_FEED.format("&a9;"), LAUGHS.partition("?>")[2].partition("<html>")[0])),
    "feed, a file of ours": lambda: _feed(_rss(POST_IN_FEED.format("&f;"), OURS_BY_XML.partition("?>")[2].partition("<html>")[0])),
    "feed of 80,000 entries": lambda: _feed(_rss("<item><link>x</link></item>" * 77_000)),
    "feed, a title of 2 MB of brackets": lambda: _feed(_rss(POST_IN_FEED.format("&lt;" * 500_000))),
    "feed, a title of elements": lambda: _feed(_rss(POST_IN_FEED.format("<b>x</b>" * 250_000))),
    "feed, 2 MB of open marks": lambda: _feed(_rss("<item><link>" * 170_000)),
    "feed, undeclared names": lambda: _feed(_rss("<item><link>https://blog.example/post</link><dc:creator>a@b.example (x)</dc:creator></item>" * 20_000)),
    "feed of 200 entries of 10 kB": lambda: _feed(_rss(POST_IN_FEED.format("x &lt;b a='" + "y" * 10_000) * 200)),
    "feed, JSON 500,000 deep": lambda: _feed('{"a":' * 500_000),
    "a quote of 600 in 2 MB of nearly it": lambda: _quote("I am looking for a car or a cat. " * 63_000, "I am looking for a car or a bat. " * 18),
    "a quote of blanks and signs": lambda: _quote(" '-.\u200b" * 200_000, "-' ." * 150),
    "PDF of 10,000 pages": lambda: _file(pdf_of(10_000)),
    "PDF, a stream of 1 GB": lambda: _file(pdf_of(1, _zeros(1024, 15), b"/Filter/FlateDecode")),
    "PDF, a stream packed twice": lambda: _file(pdf_of(1, zlib.compress(_zeros(1024, 15)), b"/Filter[/FlateDecode/FlateDecode]")),
    "PDF, a million operators": lambda: _file(pdf_of(60, zlib.compress(b"0 0 m 200 200 l S " * 1_000_000), b"/Filter/FlateDecode")),
    "PNG of 60,000 x 60,000": lambda: _file(_png(60_000, 60_000)),
    "PNG as large as is allowed": lambda: _file(_png(4_000, 4_000)),
    "an e-mail 5,000 deep": lambda: _file(_nested_mail(5_000)),
    "an e-mail, 8 MB of header": lambda: _file(b"From: a@example.com\r\nDate: x\r\nSubject: " + b"=?utf-8?q?x?= " * 500_000),
    "a contact list of one line": lambda: _contacts(b"email\n" + b'"' * (5 * MIB - 10)),
    "a contact list of 5 MB of commas": lambda: _contacts(b"email\n" + b"," * (5 * MIB - 10)),
}

if __name__ == "__main__":
    main(sys.argv[1])
