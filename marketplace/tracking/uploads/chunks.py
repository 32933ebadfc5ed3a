"""The jobs: some parts of a file, a transaction, then the next. Killed anywhere, they go on with what is not done."""
from collections.abc import Iterable, Sequence

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.tracking.models import Upload, UploadPart, UploadState
from marketplace.tracking.uploads import lifecycle
from marketplace.tracking.uploads.outcomes import add_up, count_results, pack_results, sum_earned, unpack_results
from marketplace.tracking.uploads.purposes import purpose_of
from marketplace.tracking.uploads.reading import PartRows, get_part, read_part, read_sheet
from marketplace.tracking.uploads.repeats import note_keys
from marketplace.tracking.uploads.rows import TAKES, Purpose, Row, RowOutcome, RowResult

ENOUGH = 8_000  # Of a transaction: a row weighs one, a reward as much as REWARD rows. Half a second of the write lock.
REWARD = 25
MANY_ROWS = 10_000  # So many take a while: who uploaded them is told by mail when it is over.


def check_upload(upload_id: str, part: str) -> None:
    """Job: what would come of the next rows, and itself again for those that follow. Nothing is taken."""
    upload = _locked(upload_id, UploadState.CHECKING, int(part))
    if upload is None:
        return
    purpose, width, weight = purpose_of(upload), len(read_sheet(upload).heading), 0
    while upload.parts_done < upload.part_count and weight < ENOUGH:
        kept = get_part(upload, upload.parts_done)
        kept.first_row = upload.row_count + 1
        found = read_part(upload, kept, first_row=kept.first_row, width=width)
        weight += _keep(upload, kept, _check(upload, purpose, found), found.next_row)
    if upload.parts_done < upload.part_count:
        outbox.promise("check_upload", upload_id=upload.id, part=str(upload.parts_done))
        return
    upload.checked_at = clock.now()
    lifecycle.move_upload(upload, UploadState.CHECKED, by=audit.SYSTEM)
    _tell(upload, "upload_checked")


def take_upload(upload_id: str, part: str) -> None:
    """Job: the chosen ones of the next rows are taken, and itself again for those that follow."""
    upload = _locked(upload_id, UploadState.TAKING, int(part))
    if upload is None:
        return
    purpose, width, weight = purpose_of(upload), len(read_sheet(upload).heading), 0
    while upload.parts_done < upload.part_count and weight < ENOUGH:
        kept = get_part(upload, upload.parts_done)
        found = read_part(upload, kept, first_row=kept.first_row or 1, width=width)
        weight += _keep(upload, kept, _take(upload, purpose, kept, found.rows), found.next_row)
    if upload.parts_done < upload.part_count:
        outbox.promise("take_upload", upload_id=upload.id, part=str(upload.parts_done))
        return
    upload.taken_at = clock.now()
    lifecycle.move_upload(upload, UploadState.TAKEN, by=audit.SYSTEM, **upload.counts)
    _tell(upload, "upload_taken")


def _locked(upload_id: str, state: UploadState, part: int) -> Upload | None:
    """None where it was done already, or given up meanwhile."""
    upload = db.session.get_one(Upload, upload_id, populate_existing=True, with_for_update={"key_share": True})
    return upload if upload.state is state and upload.parts_done == part else None


def _check(upload: Upload, purpose: Purpose, found: PartRows) -> list[RowResult]:
    first, results = _split_repeats(upload, purpose, found.rows)
    return _sorted([*found.odd, *results, *purpose.check(upload, first)])


def _split_repeats(upload: Upload, purpose: Purpose, rows: Sequence[Row]) -> tuple[list[Row], list[RowResult]]:
    """Those that are new in this file, and what is said of the others."""
    keys = [purpose.key(row) for row in rows]
    firsts: dict[str, int] = {}
    for row, (key, _) in zip(rows, keys, strict=True):
        firsts.setdefault(key, row.number)
    known = note_keys(upload, firsts)
    new, repeated = [], []
    for row, (key, is_own) in zip(rows, keys, strict=True):
        above = known.get(key, firsts[key])
        if above >= row.number:
            new.append(row)
            continue
        why = (f"The same id stands in row {above}." if is_own
               else f"It says the same as row {above}, and neither has an id.")
        repeated.append(RowResult(
            row.number, RowOutcome.REPEATED, row.cells.get("external_id", ""), why,
            "Give each its own id if they are two." if not is_own else "Nothing, if it is one."))
    return new, repeated


def _take(upload: Upload, purpose: Purpose, part: UploadPart, rows: Sequence[Row]) -> list[RowResult]:
    chosen, left_out = set(upload.chosen.get("outcomes", ())), set(upload.chosen.get("left_out", ()))
    before = unpack_results(part.outcomes or b"")
    taken = {one.row for one in before if one.outcome in chosen and one.outcome in TAKES and one.row not in left_out}
    results = [
        RowResult(one.row, RowOutcome.LEFT_OUT, one.label, "You left it out.") if one.outcome in TAKES else one
        for one in before if one.row not in taken]
    return _sorted([*results, *purpose.take(upload, [row for row in rows if row.number in taken])])


def _sorted(results: Iterable[RowResult]) -> list[RowResult]:
    return sorted(results, key=lambda one: one.row)


def _keep(upload: Upload, part: UploadPart, results: list[RowResult], next_row: int) -> int:
    """How heavy they were."""
    counts, earned = count_results(results), sum_earned(results)
    part.outcomes, part.counts = pack_results(results), counts
    upload.counts, upload.earns = add_up(upload.counts, counts), add_up(upload.earns, earned)
    upload.parts_done, upload.row_count = upload.parts_done + 1, next_row - 1
    db.session.flush()
    db.session.expunge(part)  # Its bytes are not needed any more.
    return len(results) + REWARD * counts.get(RowOutcome.EARNS, 0)


def _tell(upload: Upload, letter: str) -> None:
    if upload.row_count > MANY_ROWS:
        outbox.promise("send_letter", letter=letter, key=f"{letter}:{upload.id}:{upload.version}", upload_id=upload.id)
