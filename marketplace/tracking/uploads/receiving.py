"""A file arrives: refused where it is no list, else cut between rows into parts, kept compressed and encrypted."""
import codecs
import hashlib
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy import LargeBinary, bindparam, insert, type_coerce

from marketplace.foundation import audit, clock
from marketplace.foundation.crypto import encrypt_bytes, keyed_hash
from marketplace.foundation.db import db, rows_of
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.identity.models import Business, User
from marketplace.identity.permissions import is_manager
from marketplace.tracking.models import Upload, UploadPart, UploadPurpose
from marketplace.tracking.uploads.spelling import guess_encoding, guess_separator, wide_encoding

MOST_BYTES = 256 * 1024 * 1024
MOST_ROWS = 1_000_000
LONGEST_LINE = 256 * 1024
ROWS_A_PART = 2_000
BYTES_A_PART = 1024 * 1024
KEPT_IN_MEMORY = 4 * 1024 * 1024
_BLOCK = 256 * 1024
_KNOWN_KINDS = {  # By their first bytes.
    b"PK\x03\x04": "an Excel or zip file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"\x1f\x8b": "a compressed file",
    b"%PDF": "a PDF file", b"{": "JSON", b"<": "a web page or XML",
}


class BadUpload(Invalid):
    """Nothing of the file is kept."""

    code = "bad_upload"

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message, next_step=next_step, fields={"file": [f"{message} {next_step}"]})


@dataclass
class Received:
    """A file on its way into the database. ``packed`` holds its parts, encrypted; nothing of it is plain on a disk."""

    packed: BinaryIO
    lengths: list[int] = field(default_factory=list)
    size_bytes: int = 0
    line_count: int = 0
    sha256: str = ""
    encoding: str = "utf-8"
    separator: str = ","

    def parts(self) -> Iterator[bytes]:
        self.packed.seek(0)
        for length in self.lengths:
            yield self.packed.read(length)


@contextmanager
def receive(file: BinaryIO) -> Iterator[Received]:
    """Read to its end, in constant memory; gone afterwards. BadUpload says what it is instead. Outside a
    transaction."""
    with tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY) as packed:
        yield _read(file, Received(packed))  # type: ignore[arg-type]


def _read(file: BinaryIO, received: Received) -> Received:
    looked = _Look()
    for part in _parts(_lines(_text(file, received))):
        looked.at(part)
        received.line_count += part.count(b"\n")
        if received.line_count > MOST_ROWS + 1:
            raise BadUpload(f"There are more than {MOST_ROWS:,} rows in it.", "Cut it into several files.")
        packed = encrypt_bytes(zlib.compress(part, 1))
        received.packed.write(packed)
        received.lengths.append(len(packed))
    if not received.lengths or not looked.beginning.strip():
        raise BadUpload("There is nothing in this file.", "Choose the file once more.")
    received.encoding = looked.encoding()
    received.separator = guess_separator(looked.beginning.decode(received.encoding, "replace"))
    return received


def keep_upload(
    business: Business, received: Received, *, purpose: UploadPurpose, file_name: str, by: User, programme: str = "",
) -> Upload:
    """As it is: nothing is looked at yet."""
    require(is_manager(by, business.id), "upload files for this business")
    upload = Upload(
        business_id=business.id, uploaded_by=by.id, purpose=purpose, file_name=file_name[:200], sha256=received.sha256,
        size_bytes=received.size_bytes, line_count=received.line_count, encoding=received.encoding,
        separator=received.separator, columns={}, choices={"programme": programme} if programme else {},
        part_count=len(received.lengths), counts={}, earns={}, chosen={})
    db.session.add(upload)
    db.session.flush()
    now, connection = clock.now(), db.session.connection()
    for number, content in enumerate(received.parts()):
        connection.execute(_PART, {"id": new_id("part"), "upload_id": upload.id, "number": number, "packed": content,
                                   "created_at": now})
    audit.record("upload.received", upload.id, by=by.id, purpose=purpose, rows=received.line_count - 1)
    return upload


_PART = insert(rows_of(UploadPart)).values(content=type_coerce(bindparam("packed"), LargeBinary))  # Encrypted already.


class _Look:
    """What is seen of a file as it passes."""

    def __init__(self) -> None:
        self.beginning = b""
        self.strange = b""
        self.is_utf8 = True

    def at(self, part: bytes) -> None:
        if not self.beginning:
            self.beginning = part.removeprefix(codecs.BOM_UTF8)
        if self.is_utf8 or len(self.strange) < _BLOCK:
            try:
                part.decode()
            except UnicodeDecodeError:
                self.is_utf8 = False
                self.strange += b"\n".join(line for line in part.split(b"\n") if not line.isascii())[:_BLOCK]

    def encoding(self) -> str:
        return "utf-8" if self.is_utf8 else guess_encoding(self.strange)


def _text(file: BinaryIO, received: Received) -> Iterator[bytes]:
    """Blocks of it, counted; UTF-16 as UTF-8, line ends of old Macintoshs as ours."""
    first = file.read(_BLOCK)
    _refuse_other_kinds(first)
    wide, digest = wide_encoding(first), hashlib.sha256()
    decoder = codecs.getincrementaldecoder(wide)("strict") if wide else None
    has_old_ends = b"\r" in first and b"\n" not in first and not wide
    block = first
    while block:
        received.size_bytes += len(block)
        if received.size_bytes > MOST_BYTES:
            raise BadUpload(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.", "Cut it into several files.")
        digest.update(block)
        if decoder:
            try:
                yield decoder.decode(block).encode()
            except (UnicodeDecodeError, UnicodeEncodeError):
                raise BadUpload("This is no text to its end.",
                                "Save the list as CSV in UTF-8 and upload that.") from None
        elif b"\0" in block:
            raise BadUpload("This is no text.", "Save the list as CSV and upload that.")
        else:
            yield block.replace(b"\r", b"\n") if has_old_ends else block
        block = file.read(_BLOCK)
    received.sha256 = keyed_hash("upload", digest.hexdigest())


def _refuse_other_kinds(first: bytes) -> None:
    for beginning, kind in _KNOWN_KINDS.items():
        if first.lstrip().startswith(beginning):
            raise BadUpload(f"This is {kind}, not a CSV file.", "Open it, choose “Save as… CSV”, and upload that.")


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Each with its end. BadUpload where one never ends."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            _refuse_endless(line)
            yield line + b"\n"
        _refuse_endless(rest)
    if rest.strip():
        yield rest + b"\n"


def _refuse_endless(line: bytes) -> None:
    if len(line) > LONGEST_LINE:
        raise BadUpload("A line of it is longer than a row can be.",
                        "Save the list as CSV, a row to a line, and upload that.")


def _parts(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Cut where no quote is open, so that no row stands in two of them."""
    part: list[bytes] = []
    size, is_open = 0, False
    for line in lines:
        part.append(line)
        size += len(line)
        if b'"' in line and line.count(b'"') % 2:
            is_open = not is_open
        is_full = len(part) >= ROWS_A_PART or size >= BYTES_A_PART
        if is_full and (not is_open or size >= 2 * BYTES_A_PART):  # A stray quote parts no file for ever.
            yield b"".join(part)
            part, size, is_open = [], 0, False
    if part:
        yield b"".join(part)
