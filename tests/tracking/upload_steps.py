"""Steps of tests of uploads: a file, what its columns are, the jobs that look at it and take it."""
import io
from collections.abc import Callable, Mapping
from typing import Any

from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business, User
from marketplace.jobs import JOBS
from marketplace.tracking.models import Upload, UploadPurpose
from marketplace.tracking.uploads.columns import guess_choices, guess_columns
from marketplace.tracking.uploads.outcomes import each_result
from marketplace.tracking.uploads.purposes import purpose_of
from marketplace.tracking.uploads.reading import read_sheet
from marketplace.tracking.uploads.receiving import keep_upload, receive
from marketplace.tracking.uploads.rows import TAKES, RowOutcome, RowResult
from marketplace.tracking.uploads.starting import begin_check, begin_taking
from tests import factories as make
from tests.browsing import end_reading


def uploaded(
    business: Business, content: bytes | str, *, purpose: str = "conversions", by: User | None = None, programme: str = "",
) -> str:
    """The upload's id."""
    owner = by or make.owner_of(business)
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    end_reading()
    with receive(file) as received, transaction():
        return keep_upload(db.session.get_one(Business, business.id), received, purpose=UploadPurpose(purpose),
                           file_name="orders.csv", by=db.session.get_one(User, owner.id), programme=programme).id


def checked(
    business: Business, content: bytes | str, work: Callable[[], int], columns: Mapping[str, int] | None = None,
    *, purpose: str = "conversions", programme: str = "", **choices: str,
) -> Upload:
    """With the columns that are guessed, unless said otherwise."""
    upload_id = uploaded(business, content, purpose=purpose, programme=programme)
    owner = make.owner_of(business)
    end_reading()
    with transaction():
        upload = db.session.get_one(Upload, upload_id)
        sheet = read_sheet(upload)
        guessed = columns if columns is not None else guess_columns(sheet.heading, purpose_of(upload).columns, {})
        begin_check(upload, columns=guessed, choices=guess_choices(sheet, guessed, {}, "usd") | choices, by=owner)
    work()
    return fresh(upload_id)


def taken(
    business: Business, content: bytes | str, work: Callable[[], int], *, outcomes: list[str] | None = None,
    left_out: str = "", **given: Any,
) -> Upload:
    upload = checked(business, content, work, **given)
    take(upload, work, outcomes=outcomes, left_out=left_out)
    return fresh(upload.id)


def take(upload: Upload, work: Callable[[], int], *, outcomes: list[str] | None = None, left_out: str = "") -> None:
    owner_id = upload.uploaded_by
    end_reading()
    with transaction():
        begin_taking(db.session.get_one(Upload, upload.id), outcomes=outcomes or [one.value for one in TAKES], left_out=left_out,
                     by=db.session.get_one(User, owner_id))
    work()


def do_one_job(name: str) -> None:
    """The next one that is due must be of this name."""
    assert db.session.query(outbox.OutboxMessage).filter_by(job=name, done_at=None).count(), name
    end_reading()
    assert outbox.run_next(JOBS)
    end_reading()


def fresh(upload_id: str) -> Upload:
    end_reading()
    return db.session.get_one(Upload, upload_id, populate_existing=True)


def rows_of(upload: Upload) -> dict[int, RowResult]:
    return {one.row: one for one in each_result(upload, tuple(RowOutcome))}


def came_of(upload: Upload) -> dict[int, str]:
    return {row: one.outcome.value for row, one in rows_of(upload).items()}
