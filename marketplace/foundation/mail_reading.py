"""An e-mail as text: who, to whom, when, about what, and its text parts. Nothing attached is unpacked or kept apart."""
import email
import re
from datetime import date
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime

from marketplace.foundation.reading import plain_text, text_of_html

MOST_PARTS = 50
MOST_DASHES = 1_000  # Lines that may part a mail: the parser takes 2 s for 100,000 of them.
MOST_STEPS = 3_000_000  # It holds every line against every boundary around it; 8 MB attached once are 110,000 lines.
LONGEST_HEADER = 400  # Characters.
LONGEST_BODY = 40_000
SHOWN = ("From", "To", "Date", "Subject")
_HEADERS = re.compile(
    rb"\A(?:>?From [^\n]{0,200}\n)?(?:[!-9;-~]{1,76}:[^\n]{0,8000}\r?\n|[ \t][^\n]{0,8000}\r?\n){2,500}")
_BOUNDARIES = re.compile(rb"(?i)boundary(?:\*\d*\*?)?\s*=")  # Also as RFC 2231 writes it.
_LINE_ENDS = (b"\n", b"\r")  # A bare return ends a line for the parser too.


def read_mail(content: bytes) -> str | None:
    """None for what is no e-mail: it needs a From and a Date, and headers before all else."""
    headers = _HEADERS.match(content)
    if headers is None or b"\0" in headers[0] or _is_too_much(content):
        return None
    try:
        message = email.message_from_bytes(content, policy=policy.compat32)
        if not (message["From"] and message["Date"]):
            return None
        lines = [f"{name}: {_header(message, name)}" for name in SHOWN if message[name]]
        return plain_text("\n".join(lines) + "\n\n" + _body(message))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return None


def day_of_mail(text: str) -> date | None:
    """By the Date of a mail that ``read_mail`` read. Whoever sent it wrote that, so it may be anything."""
    headers = text.partition("\n\n")[0].splitlines()
    dates = [line.removeprefix("Date: ") for line in headers[:len(SHOWN)] if line.startswith("Date: ")]
    try:
        return parsedate_to_datetime(dates[0]).date() if dates else None
    except (ValueError, OverflowError):
        return None


def _is_too_much(content: bytes) -> bool:
    """Whether the parser would take more than a moment for it."""
    dashes, lines = (sum(content.count(end + after) for end in _LINE_ENDS) for after in (b"--", b""))
    boundaries = len(_BOUNDARIES.findall(content))
    return dashes > MOST_DASHES or boundaries > MOST_PARTS or lines * (1 + boundaries) > MOST_STEPS


def _header(message: Message, name: str) -> str:
    raw = " ".join(str(message[name])[:LONGEST_HEADER].split())
    try:
        return str(make_header(decode_header(raw)))[:LONGEST_HEADER]
    except (ValueError, LookupError):
        return raw


def _body(message: Message) -> str:
    """The plain parts; only where there are none, what the HTML ones say."""
    parts = [part for number, part in enumerate(message.walk()) if number < MOST_PARTS
             and part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"]
    plain = [_decoded(part) for part in parts if part.get_content_subtype() == "plain"]
    said = plain or [text_of_html(_decoded(part)) for part in parts if part.get_content_subtype() == "html"]
    return "\n\n".join(said)[:LONGEST_BODY]


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload[:1024 * 1024] if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")
