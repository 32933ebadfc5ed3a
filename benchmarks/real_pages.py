"""The reader on pages that others saved: blogs, forums, shops, papers, public bodies, in eleven languages and more.

They are the test pages of four readers of pages and of one reader of forms on PyPI, fetched by pip with pinned hashes
into build/ and unpacked there; nothing of them is in this repository. Where their tests say what stands on a page, our
reading is held to it.
"""
import ast
import contextlib
import json
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote

from rapidfuzz import fuzz

from benchmarks.figures import Figure
from marketplace.foundation.fetch import MAX_BYTES, decode_page
from marketplace.foundation.quotes import find_quote
from marketplace.foundation.reading import PageReading, read_page

SOURCES = (
    ("trafilatura==1.0.0", "10222e9475363091d38d4aa92349974a23363e8a98692b5f902d60bba3e53383"),
    ("htmldate==1.3.0", "3c32cdb6939825131493b213c569dbe4d085d785229417e922f9070b67a80d06"),
    ("newspaper4k==0.9.6", "a3f2f0e017dddb6f1019ee77aaa8980e13e6ecea0b949abc7167aae4770d2d0e"),
    ("html-text==0.7.1", "87fd194310a9f54be32c7b18a70180dfa72a6b4d01cca35ac813c4d2b2b2ed8b"),
    ("formasaurus==0.10.0", "e2bfdd91ffac16ae3be2238b35e4b221e8902c73d62e85ba1791a02aeec6760d"),
)
# By their addresses, for the last collection says nothing of its pages; without those on which one signs in or writes.
FORUMS = re.compile(r"forum|viewtopic|/threads?/|phpbb|/discussions?/|-board\.|/board/", re.IGNORECASE)
LISTINGS = re.compile(r"/products?/|/items?/|classi4|clicads|propert|apartment|carddisplay|/p-\d|/shop/", re.IGNORECASE)
FORMS = re.compile(r"log[oi]n|sign|regist|auth|account|passw|sendm|contact|search|/create|entry/|posting"
                   r"|new(reply|thread)|inscription|profile|user/|cart|ucp|write|post_free|makeThread", re.IGNORECASE)
FOLDER = Path(__file__).resolve().parent.parent / "build" / "real_pages"
ENOUGH = 200  # Characters that make a text.
ALIKE = 85  # Of 100, for titles and texts that two readers cut differently.


@dataclass
class Page:
    """A saved page with what its collection says of it; empty where it says nothing."""

    file: Path
    url: str = "https://example.org/page"
    written_on: set[date] = field(default_factory=set)
    has: list[str] = field(default_factory=list)
    has_not: list[str] = field(default_factory=list)
    title: str = ""
    language: str = ""
    text: str = ""
    kind: str = ""  # Where the collection is of one kind.
    reading: PageReading | None = None


def measure() -> list[Figure]:
    if not _fetch():
        print("real_pages: not measured, for the pages could not be fetched", file=sys.stderr)
        return []
    pages = [page for page in _collect() if page.file.stat().st_size <= MAX_BYTES]
    failed, slowest = [], 0.0
    for page in pages:
        begun = time.process_time()
        try:
            page.reading = read_page(decode_page(page.file.read_bytes(), "text/html"), page.url)
        except Exception as error:  # noqa: BLE001 - this is what is counted
            failed.append(f"{page.file.name}: {error!r}")
        slowest = max(slowest, time.process_time() - begun)
    read = [page for page in pages if page.reading]
    return [
        Figure("real pages read without an error", _share(len(read), len(pages)), "%", 100, "higher",
               f"{len(pages)} pages {'; '.join(failed)}"),
        Figure("real pages, slowest, seconds of CPU", round(slowest, 2), "s", 10, "lower"),
        *_found([page for page in read if not page.kind]), *_of_kinds(read), *_agreeing(read),
    ]


def _of_kinds(read: list[Page]) -> Iterator[Figure]:
    """Where nobody labelled anything: that there is a title, and a text to find a quote in."""
    for kind in ("forums", "listings and shops"):
        pages = [page.reading for page in read if page.kind == kind and page.reading]
        for what, count in (("a title", sum(bool(one.title) for one in pages)),
                            ("a text", sum(len(one.text) >= ENOUGH for one in pages))):
            yield Figure(f"real pages of {kind} with {what}", _share(count, len(pages)), "%", 90, "higher",
                         f"{len(pages)} pages")


def _found(read: list[Page]) -> list[Figure]:
    """What was found at all, right or wrong. A front page has no day, and not every page names its writer."""
    readings = [page.reading for page in read if page.reading]
    spoken = {one.language for one in readings if one.language}
    asked = sum(bool(one.feed_url) for one in readings if not one.author)
    notes = {"a language": f"{len(spoken)} languages",
             "an author": f"{asked} of those without link their site’s own feed, which is asked when pointed out"}
    counts = (
        ("a title", sum(bool(one.title) for one in readings), 97),
        ("a text", sum(len(one.text) >= ENOUGH for one in readings), 90),
        ("a language", sum(bool(one.language) for one in readings), 80),
        ("a day", sum(bool(one.published_on) for one in readings), 60),
        ("an author", sum(bool(one.author) for one in readings), 30),
    )
    return [Figure(f"real pages with {what}", _share(count, len(readings)), "%", bar, "higher",
                   notes.get(what, "")) for what, count, bar in counts]


def _agreeing(read: list[Page]) -> list[Figure]:
    dated = [page for page in read if page.written_on]
    told = [page for page in dated if page.reading and page.reading.published_on]
    right = [page for page in told if page.reading and page.reading.published_on in page.written_on]
    said = [(page, words) for page in read for words in page.has]
    kept = [words for page, words in said if page.reading and find_quote(page.reading.text, words).found]
    noise = [(page, words) for page in read for words in page.has_not]
    out = [words for page, words in noise if page.reading and words not in page.reading.text]
    titled = [page for page in read if page.title]
    same = [page for page in titled if page.reading and fuzz.partial_ratio(page.title, page.reading.title) >= ALIKE]
    spoken = [page for page in read if page.language]
    alike = [page for page in spoken if page.reading and page.reading.language == page.language]
    texts = [page for page in read if page.text]
    whole = [page for page in texts if page.reading and fuzz.token_set_ratio(page.text, page.reading.text) >= ALIKE]
    return [
        Figure("labelled days: of those told, right", _share(len(right), len(told)), "%", 80, "higher",
               f"{len(told)} told of {len(dated)} labelled"),
        Figure("labelled days: told", _share(len(told), len(dated)), "%", 60, "higher"),
        Figure("labelled sentences found", _share(len(kept), len(said)), "%", 85, "higher", f"of {len(said)}"),
        Figure("labelled noise kept out", _share(len(out), len(noise)), "%", 80, "higher", f"of {len(noise)}"),
        Figure("labelled titles alike", _share(len(same), len(titled)), "%", 85, "higher", f"of {len(titled)}"),
        Figure("labelled languages the same", _share(len(alike), len(spoken)), "%", 85, "higher", f"of {len(spoken)}"),
        Figure("labelled texts alike", _share(len(whole), len(texts)), "%", 80, "higher", f"of {len(texts)}"),
    ]


def _share(count: int, of: int) -> float:
    return round(100 * count / of, 1) if of else 0.0


def _fetch() -> bool:
    """Once; pip takes nothing whose hash is another."""
    wanted = "".join(f"{name} --hash=sha256:{digest}\n" for name, digest in SOURCES)
    pinned, done = FOLDER / "sources.txt", FOLDER / "done"
    if done.exists() and done.read_text() == wanted:
        return True
    FOLDER.mkdir(parents=True, exist_ok=True)
    pinned.write_text(wanted)
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--require-hashes",
         "-r", str(pinned), "-d", str(FOLDER)], check=False)
    if fetched.returncode:
        return False
    for archive in FOLDER.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            packed.extractall(FOLDER, filter="data")
    done.write_text(wanted)
    return True


def _collect() -> Iterator[Page]:
    yield from _of_trafilatura(FOLDER / "trafilatura-1.0.0" / "tests")
    yield from _of_htmldate(FOLDER / "htmldate-1.3.0" / "tests")
    yield from _of_newspaper(FOLDER / "newspaper4k-0.9.6" / "tests" / "data")
    for file in sorted((FOLDER / "html_text-0.7.1").rglob("*.html")):
        yield Page(file, f"https://example.org/{quote(file.stem)}")
    yield from _of_formasaurus(FOLDER / "formasaurus-0.10.0" / "formasaurus" / "data")


def _of_trafilatura(tests: Path) -> Iterator[Page]:
    """Its tests read: ``result = load_mock_page(URL)``, then ``assert 'this' in result and 'that' not in result``."""
    tree = ast.parse((tests / "realworld_tests.py").read_text())
    pages = {url: Page(file, url) for url, name in _mapping(tree).items()
             if (file := tests / "cache" / name).exists()}
    here: Page | None = None
    tests_of_text = next(one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "test_extract")
    for step in tests_of_text.body:
        if isinstance(step, ast.Assign) and (url := _asked_for(step.value)):
            here = pages.get(url)
        for node in ast.walk(step) if here else ():
            for words, is_there in _compared(node.test) if isinstance(node, ast.Assert) else ():
                (here.has if is_there else here.has_not).append(words)
    yield from pages.values()


def _of_htmldate(tests: Path) -> Iterator[Page]:
    """Its tests read: ``assert find_date(load_mock_page(URL), ...) == "2016-12-23"``; the day may be of an edit."""
    tree = ast.parse((tests / "unit_tests.py").read_text())
    pages = {url: Page(file, url) for url, name in _mapping(tree).items()
             if (file := tests / "cache" / name).exists()}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
            continue
        asked = next((url for call in ast.walk(node.left) if (url := _asked_for(call))), "")
        told = node.comparators[0]
        if asked in pages and isinstance(told, ast.Constant) and isinstance(told.value, str):
            with contextlib.suppress(ValueError):  # Asked for in another spelling.
                pages[asked].written_on.add(date.fromisoformat(told.value))
    yield from pages.values()


def _of_newspaper(folder: Path) -> Iterator[Page]:
    for file in sorted((folder / "html").glob("*.html")):
        page, label = Page(file), folder / "metadata" / f"{file.stem}.json"
        if label.exists():
            said = json.loads(label.read_text())
            page.url = said.get("url") or page.url
            page.title, page.text = said.get("title") or "", said.get("text") or ""
            page.language = (said.get("meta_lang") or "").lower()[:2]
            if said.get("publish_date"):
                page.written_on.add(date.fromisoformat(said["publish_date"][:10]))
        yield page


def _of_formasaurus(folder: Path) -> Iterator[Page]:
    for name, told in json.loads((folder / "index.json").read_text()).items():
        address = told["url"]
        is_forum, is_listing = FORUMS.search(address), LISTINGS.search(address)
        if (is_forum or is_listing) and not FORMS.search(address):
            yield Page(folder / name, address, kind="forums" if is_forum else "listings and shops")


def _mapping(tree: ast.Module) -> dict[str, str]:
    found = next(node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
                 and node.targets[0].id == "MOCK_PAGES")
    return dict(ast.literal_eval(found.value))


def _asked_for(node: ast.AST) -> str:
    is_load = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_mock_page"
    first = node.args[0] if is_load and isinstance(node, ast.Call) and node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _compared(test: ast.expr) -> Iterator[tuple[str, bool]]:
    for one in test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]:
        if isinstance(one, ast.Compare) and isinstance(one.left, ast.Constant) and isinstance(one.left.value, str):
            if isinstance(one.ops[0], ast.In):
                yield one.left.value, True
            elif isinstance(one.ops[0], ast.NotIn):
                yield one.left.value, False
