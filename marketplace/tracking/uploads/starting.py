"""What a person does with an upload: says what its columns are, has it checked, chooses, has it taken, gives it up."""
import re
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select

from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, NotFound, require
from marketplace.identity.models import User
from marketplace.identity.permissions import is_manager
from marketplace.tracking.models import Upload, UploadPart, UploadState
from marketplace.tracking.uploads import lifecycle
from marketplace.tracking.uploads.columns import check_choices, check_columns, remember_columns
from marketplace.tracking.uploads.purposes import purpose_of
from marketplace.tracking.uploads.reading import read_sheet
from marketplace.tracking.uploads.repeats import forget_keys
from marketplace.tracking.uploads.rows import TAKES
from marketplace.tracking.uploads.spelling import ENCODINGS, SEPARATORS

MOST_LEFT_OUT = 10_000
_RANGE = re.compile(r"(\d{1,7})(?:-(\d{1,7}))?", re.ASCII)


class UploadBusy(Conflict):
    code = "upload_busy"


class NothingChosen(Invalid):
    code = "nothing_chosen"


def uploads_of(business_id: str, *, seen_by: User) -> Sequence[Upload]:
    """Newest first."""
    require(is_manager(seen_by, business_id), "see the uploads of this business")
    return db.session.scalars(select(Upload).where(
        Upload.business_id == business_id).order_by(Upload.id.desc()).limit(50)).all()


def get_upload(upload_id: str, *, seen_by: User) -> Upload:
    """Of one's own business; else as if there were none."""
    upload = db.session.get(Upload, upload_id)
    if upload is None or seen_by.role_in(upload.business_id) is None:
        raise NotFound("There is no such upload.", next_step="Look at the list of uploads.")
    require(is_manager(seen_by, upload.business_id), "see the uploads of this business")
    return upload


def find_same_file(upload: Upload) -> Upload | None:
    """The one that was uploaded before, byte for byte, for the same purpose."""
    return db.session.scalar(select(Upload).where(
        Upload.sha256 == upload.sha256, Upload.business_id == upload.business_id, Upload.purpose == upload.purpose,
        Upload.id < upload.id, Upload.state == UploadState.TAKEN).order_by(Upload.id.desc()).limit(1))


def change_spelling(upload: Upload, *, encoding: str, separator: str, by: User) -> None:
    """Another way to read the same bytes, while nothing was checked yet."""
    require(is_manager(by, upload.business_id), "change this upload")
    _refuse_unless(upload, UploadState.RECEIVED)
    if encoding not in ENCODINGS or separator not in SEPARATORS:
        raise Invalid("Choose one of the list.")
    upload.encoding, upload.separator, upload.columns = encoding, separator, {}


def begin_check(
    upload: Upload, *, columns: Mapping[str, int], choices: Mapping[str, str], by: User
) -> None:
    """Every row is looked at, by a job. BadColumns (422) says what is missing. The answers are kept for the next
    file."""
    require(is_manager(by, upload.business_id), "check this upload")
    sheet = read_sheet(upload)
    check_columns(columns, purpose_of(upload).columns, sheet)
    check_choices(choices, columns)
    lifecycle.move_upload(upload, UploadState.CHECKING, by=by.id)
    programme = upload.choices.get("programme")
    upload.columns, upload.choices = dict(columns), {**choices, **({"programme": programme} if programme else {})}
    remember_columns(upload, sheet.heading)
    _begin_anew(upload)
    forget_keys(upload)
    outbox.promise("check_upload", upload_id=upload.id, part="0")


def change_columns(upload: Upload, *, by: User) -> None:
    """Back to the question what the columns are; what was found so far is forgotten."""
    require(is_manager(by, upload.business_id), "change this upload")
    lifecycle.move_upload(upload, UploadState.RECEIVED, by=by.id)


def begin_taking(upload: Upload, *, outcomes: Sequence[str], left_out: str, by: User) -> None:
    """Rows that would come to ``outcomes``, but the ones that ``left_out`` names (``12, 40-60``). NothingChosen
    (422)."""
    require(is_manager(by, upload.business_id), "take this upload")
    chosen = [one.value for one in TAKES if one.value in outcomes]
    rows = read_row_numbers(left_out)
    if sum(upload.counts.get(one, 0) for one in chosen) == 0:
        raise NothingChosen("Nothing would be taken.", fields={"outcomes": ["Choose at least one kind of rows."]})
    lifecycle.move_upload(upload, UploadState.TAKING, by=by.id, left_out=len(rows))
    upload.chosen = {"outcomes": chosen, "left_out": rows, "by": by.id}
    _begin_anew(upload)
    outbox.promise("take_upload", upload_id=upload.id, part="0")


def discard_upload(upload: Upload, *, by: str) -> None:
    """The file goes; what was taken of it stays."""
    lifecycle.move_upload(upload, UploadState.DISCARDED, by=by)
    upload.file_name, upload.chosen = "", {}
    db.session.execute(delete(UploadPart).where(UploadPart.upload_id == upload.id))
    forget_keys(upload)


def give_up(upload: Upload, *, by: User) -> None:
    require(is_manager(by, upload.business_id), "remove this upload")
    discard_upload(upload, by=by.id)


def read_row_numbers(text: str) -> list[int]:
    """``12, 40-60`` as numbers. Invalid (422) for what is no such list."""
    rows: set[int] = set()
    plain = " ".join(re.sub(r"[,;]", " ", text.replace("\u2013", "-")).split())
    for said in plain.replace(" -", "-").replace("- ", "-").split():
        found = _RANGE.fullmatch(said)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not found or last < first or last - first > MOST_LEFT_OUT or len(rows) > MOST_LEFT_OUT:
            raise Invalid("We could not read which rows to leave out.", fields={
                "left_out": [f"Write numbers of rows like 12, 40-60; at most {MOST_LEFT_OUT:,} rows."]})
        rows |= set(range(first, last + 1))
    return sorted(rows)


def _begin_anew(upload: Upload) -> None:
    upload.parts_done, upload.row_count, upload.counts, upload.earns = 0, 0, {}, {}


def _refuse_unless(upload: Upload, state: UploadState) -> None:
    if upload.state is not state:
        raise UploadBusy("This file is being worked on already.", next_step="Reload the page to see where it stands.")
