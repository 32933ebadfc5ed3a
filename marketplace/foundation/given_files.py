"""Reads a file that a stranger gave: its kind by its bytes, its text, a copy that is safe to show; or refuses it."""
import base64
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import puremagic
from PIL import Image, ImageOps, UnidentifiedImageError

from marketplace.foundation import pdf_room
from marketplace.foundation.errors import Invalid
from marketplace.foundation.mail_reading import read_mail
from marketplace.foundation.reading import plain_text

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 16_000_000  # Two screens of 4K, or a photo of twelve megapixels; four bytes each while it is decoded.
LONGEST_SIDE = 2_000  # Pixels kept: the small print of a screenshot stays legible.
PDF_SECONDS = 20  # Of waiting; of work it may do less than half of that.
SHOWN = "image/webp"
_ROOM = Path(pdf_room.__file__)
_SHRUNK_AS_THEY_ARE = ("L", "RGB", "RGBA")
_DECODERS = ("PNG", "JPEG", "WEBP")

_SAID = {
    "file_empty": ("This file is empty.", "Choose it once more."),
    "file_too_large": (f"This file is larger than {MOST_BYTES // 1024 // 1024} MB.",
                       "Give a screenshot, or only the page that matters."),
    "file_kind": ("We take images (PNG, JPEG, WebP), PDF files and e-mails (.eml).",
                  "Take a screenshot of it instead."),
    "file_damaged": ("This file cannot be read to its end.",
                     "Open it yourself, and give a screenshot of what you see."),
    "file_too_complex": ("This file takes more work to read than we allow.",
                         "Give a screenshot of the part that matters."),
    "file_locked": ("This file asks for a password.", "Give a copy without one, or a screenshot."),
}


class BadFile(Invalid):
    """Nothing of the file is kept. 422 with the code of one of the reasons."""

    def __init__(self, code: str) -> None:
        message, next_step = _SAID[code]
        super().__init__(message, next_step=next_step, fields={"files": [f"{message} {next_step}"]})
        self.code = code


@dataclass(frozen=True)
class GivenFile:
    """``content`` of an image is our own copy, of others it is as given. ``pages``: pictures (WebP) of the first."""

    kind: str  # image, pdf, email
    media_type: str
    content: bytes
    given_sha256: str
    text: str = ""
    page_count: int | None = None
    pages: tuple[bytes, ...] = ()


def read_given(content: bytes) -> GivenFile:
    """In bounded time and memory, whatever the bytes are. Raises BadFile, nothing else.

    Call it outside a transaction: it may take seconds.
    """
    if not content:
        raise BadFile("file_empty")
    if len(content) > MOST_BYTES:
        raise BadFile("file_too_large")
    given, kind = hashlib.sha256(content).hexdigest(), _sniff(content)
    if kind.startswith("image/"):
        return GivenFile("image", SHOWN, write_anew(content), given)
    if kind == "application/pdf":
        return _read_pdf(content, given)
    if (mail := read_mail(content)) is not None:
        return GivenFile("email", "message/rfc822", content, given, text=mail)
    raise BadFile("file_kind")


def write_anew(content: bytes) -> bytes:
    """The picture alone, as WebP: no metadata, nothing appended, upright, no larger than is shown."""
    try:
        with Image.open(io.BytesIO(content), formats=_DECODERS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise BadFile("file_too_complex")
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # A JPEG is decoded smaller, in a fraction of the time.
            opened.load()
            picture = opened if opened.mode in _SHRUNK_AS_THEY_ARE else opened.convert(
                "RGBA" if opened.has_transparency_data else "RGB")
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))  # Before any copy of the whole is made.
            picture = ImageOps.exif_transpose(picture).convert("RGBA")
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
        written = io.BytesIO()
        flat.save(written, "WEBP", quality=82, method=2)
    except BadFile:
        raise
    except Image.DecompressionBombError:
        raise BadFile("file_too_complex") from None
    except UnidentifiedImageError:
        raise BadFile("file_kind") from None
    except Exception:  # noqa: BLE001 - decoders raise whatever a made-up file leads them to
        raise BadFile("file_damaged") from None
    return written.getvalue()


def _sniff(content: bytes) -> str:
    try:
        return str(puremagic.from_string(content[:4096], mime=True))
    except (puremagic.PureError, ValueError):
        return ""


def _read_pdf(content: bytes, given: str) -> GivenFile:
    said = _ask_pdf_room(content)
    if failure := said.get("failure"):
        raise BadFile("file_locked" if failure == "locked" else "file_damaged")
    pictures = [base64.b64decode(one) for one in said["pages"][:pdf_room.PAGES_DRAWN]]
    return GivenFile("pdf", "application/pdf", content, given, text=plain_text(str(said["text"])),
                     page_count=int(said["page_count"]), pages=tuple(write_anew(one) for one in pictures))


def _ask_pdf_room(content: bytes) -> dict[str, Any]:
    """Its answer is believed no more than the file: pictures are decoded and written again by us."""
    with tempfile.TemporaryFile() as answer:
        try:
            subprocess.run(  # noqa: S603 - our own script, by our own Python, with an empty environment
                [sys.executable, "-I", str(_ROOM)], input=content, stdout=answer, stderr=subprocess.DEVNULL,
                env={}, cwd="/", timeout=PDF_SECONDS, check=True)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            raise BadFile("file_too_complex") from None
        answer.seek(0)
        try:
            said = json.loads(answer.read(pdf_room.MOST_OUTPUT))
        except ValueError:
            raise BadFile("file_damaged") from None
    return said if isinstance(said, dict) else {"failure": "damaged"}
