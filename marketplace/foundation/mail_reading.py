"""An e-mail as text: who, to whom, when, about what, and its text parts. Nothing attached is unpacked or kept apart."""
import email
import re
from email import policy
from email.header import decode_header, make_header
from email.message import Message

from marketplace.foundation.reading import plain_text, text_of_html

MOST_PARTS = 50
MOST_DASHES = 1_000  # Lines that may part a mail: the parser takes 2 s for 100,000 of them.
LONGEST_HEADER = 400  # Characters.
LONGEST_BODY = 40_000
SHOWN = ("From", "To", "Date", "Subject")
_HEADERS = re.compile(
    rb"\A(?:>?From [^\n]{0,200}\n)?(?:[!-9;-~]{1,76}:[^\n]{0,8000}\r?\n|[ \t][^\n]{0,8000}\r?\n){2,500}")
_BOUNDARIES = re.compile(rb"(?i)boundary\s*=")


def read_mail(content: bytes) -> str | None:
    """None for what is no e-mail: it needs a From and a Date, and headers before all else."""
    headers = _HEADERS.match(content)
    many = content.count(b"\n--") > MOST_DASHES or len(_BOUNDARIES.findall(content)) > MOST_PARTS
    if headers is None or b"\0" in headers[0] or many:
        return None
    try:
        message = email.message_from_bytes(content, policy=policy.compat32)
        if not (message["From"] and message["Date"]):
            return None
        lines = [f"{name}: {_header(message, name)}" for name in SHOWN if message[name]]
        return plain_text("\n".join(lines) + "\n\n" + _body(message))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return None


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
