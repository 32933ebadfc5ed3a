"""A file is known by its bytes, read within bounds, and shown only as we wrote it; or it is refused with what to do."""
import email.message
import io
import struct
import time
import zlib

import pytest
from fpdf import FPDF
from PIL import Image, PngImagePlugin

from marketplace.foundation.given_files import LONGEST_SIDE, MOST_BYTES, BadFile, read_given
from marketplace.foundation.mail_reading import read_mail

pytestmark = pytest.mark.once  # No database in here.


def picture(kind: str = "PNG", size: tuple[int, int] = (120, 80), **saved) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, kind, **saved)
    return written.getvalue()


def pdf(*pages: str, **options) -> bytes:
    document = FPDF(**options)
    document.set_font("helvetica", size=14)
    for words in pages:
        document.add_page()
        document.multi_cell(0, 8, words)
    return bytes(document.output())


def mail(*, html: str = "", **headers: str) -> bytes:
    message = email.message.EmailMessage()
    for name, value in {"From": "David Brandt <david@example.com>", "To": "ana@example.com", "Date": "Sat, 31 Oct 2026 07:00:00 +0000",
                        "Subject": "Große Pläne", **headers}.items():
        message[name] = value
    if html:
        message.set_content(html, subtype="html")
    else:
        message.set_content("I am in the market for a car, Ana. Do you know anybody?")
    return message.as_bytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_is_written_anew_without_what_was_hidden_in_it(kind):
    exif = Image.Exif()
    exif[0x010E] = "taken at home, 39.7392 N"
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "taken at home, 39.7392 N")
    given = picture(kind, exif=exif, **({"pnginfo": info} if kind == "PNG" else {})) + b"<script>alert(1)</script>PK\x03\x04"
    assert b"39.7392" in given
    kept = read_given(given)
    assert (kept.kind, kept.media_type) == ("image", "image/webp")
    assert b"39.7392" not in kept.content and b"script" not in kept.content
    with Image.open(io.BytesIO(kept.content)) as shown:
        assert (shown.format, shown.size, shown.getexif()) == ("WEBP", (120, 80), {})


def test_a_large_image_is_kept_as_large_as_it_is_shown_and_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    with Image.open(io.BytesIO(read_given(picture("JPEG", (4000, 1000), exif=exif)).content)) as shown:
        assert shown.size == (LONGEST_SIDE // 4, LONGEST_SIDE)


def test_the_text_and_pictures_of_a_pdf_are_read_in_a_room_of_their_own():
    given = pdf("I am in the market for a car.", "Page two.", "Page three.", "Page four.")
    kept = read_given(given)
    assert (kept.kind, kept.page_count, len(kept.pages), kept.content) == ("pdf", 4, 3, given)
    assert "in the market for a car" in kept.text and "Page four" in kept.text
    with Image.open(io.BytesIO(kept.pages[0])) as shown:
        assert shown.format == "WEBP"


def test_an_email_is_read_as_text_and_what_is_attached_stays_packed():
    kept = read_given(mail())
    assert kept.kind == "email"
    assert kept.text.startswith("From: David Brandt <david@example.com>") and "Subject: Große Pläne" in kept.text
    assert "in the market for a car" in kept.text
    message = email.message_from_bytes(mail(), policy=email.policy.default)
    message.add_attachment(b"MZ" + b"\0" * 50, maintype="application", subtype="octet-stream", filename="invoice.exe")
    message.add_attachment("secret words", filename="notes.txt")
    assert "secret words" not in read_given(message.as_bytes()).text


def test_an_html_mail_is_told_as_text():
    said = read_given(mail(html="<p>I want a <b>car</b></p><script>alert('no')</script>")).text
    assert "I want a car" in " ".join(said.split()) and "alert" not in said and "<" not in said.partition("\n\n")[2]


def _bomb(width: int, height: int) -> bytes:
    """A PNG of so many pixels, it says, in 300 bytes."""
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("content", "code"), [
    (b"", "file_empty"),
    (b"\x89PNG" + b"\0" * MOST_BYTES, "file_too_large"),
    (b"just words", "file_kind"), (b"<html><script>alert(1)</script>", "file_kind"), (b"<svg onload='alert(1)'/>", "file_kind"),
    (b"PK\x03\x04" + b"\0" * 200, "file_kind"), (b"MZ\x90\x00" + b"\0" * 200, "file_kind"), (b"\x7fELF" + b"\0" * 200, "file_kind"),
    (b"GIF89a" + b"\x01\x00\x01\x00\x00\x00\x00;", "file_kind"), (b"\xff" * 900, "file_kind"),
    (b"From: a@b.example\nSubject: no date\n\nhello", "file_kind"),
    (picture()[:60], "file_damaged"), (_bomb(50_000, 50_000), "file_too_complex"), (_bomb(4_001, 4_000), "file_too_complex"),
    (_bomb(4_000, 4_000), "file_damaged"),
    (b"%PDF-1.7\nnothing else", "file_damaged"),
])
def test_what_cannot_be_taken_is_refused_with_what_to_do(content, code):
    with pytest.raises(BadFile) as refusal:
        read_given(content)
    assert refusal.value.code == code
    assert refusal.value.next_step and refusal.value.fields["files"]


def test_a_locked_pdf_is_refused_as_such():
    document = FPDF()
    document.set_encryption(owner_password="owner", user_password="secret")
    document.add_page()
    with pytest.raises(BadFile) as refusal:
        read_given(bytes(document.output()))
    assert refusal.value.code == "file_locked"


def test_a_pdf_of_ten_thousand_pages_ends_within_its_bounds():
    pages = 10_000
    kids = b" ".join(b"%d 0 R" % (3 + n) for n in range(pages))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids)]
    objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200000 9]>>"] * pages
    content = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%sendobj\n" % (n, one) for n, one in enumerate(objects, 1)) + b"trailer<</Root 1 0 R>>"
    begun = time.monotonic()
    kept = read_given(content)
    assert (kept.page_count, len(kept.pages)) == (pages, 3)
    assert time.monotonic() - begun < 20


def nested(depth, equals):
    """Parts in parts, each with a boundary of its own: every line is held against all of them."""
    return b"".join(b"Content-Type: multipart/mixed; boundary%s%d\n\n--%d\n" % (equals, n, n) for n in range(depth))


@pytest.mark.parametrize("content", [
    mail()[:-1] + b"\n" + b"x" * 4_000_000,
    b"From: a@b\nDate: today\n" + b"X: " + b"(" * 200_000 + b"\n\nhello",
    b"From: a@b\nDate: today\nContent-Type: multipart/mixed; boundary=x\n\n" + b"--x\nContent-Type: text/plain\n\nhi\n" * 100_000,
    b"From: a@b\nDate: today\n" + b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(5_000)),
    b"From: " + b"=?utf-8?q?a?=" * 90_000 + b"\nDate: today\n\nhello",
    b"From: a@b\nDate: today\n" + nested(49, b"=") + b"\n" * 700_000,
    b"From: a@b\nDate: today\n" + nested(150, b"*=us-ascii''") + b"\r" * 300_000,
])
def test_a_mail_made_to_be_slow_ends_soon(content):
    begun = time.process_time()
    said = read_mail(content)
    assert said is None or len(said) < 50_000
    assert time.process_time() - begun < 3
