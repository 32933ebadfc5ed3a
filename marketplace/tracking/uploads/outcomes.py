"""What came of each row of an upload: kept with its part, paged through, given as a file of what was not taken."""
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import undefer

from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.foundation.sheets import write_lines, write_sheet
from marketplace.tracking.models import Upload, UploadPart
from marketplace.tracking.uploads.rows import WORDS, RowOutcome, RowResult

A_PAGE = 50
OUTCOMES = {one.value: one for one in RowOutcome}
_NO_MORE = ("", "", (), "")


@dataclass(frozen=True)
class RowPage:
    rows: Sequence[RowResult]
    following: int | None  # The row after which the next page begins.


def pack_results(results: Sequence[RowResult]) -> bytes:
    """Column by column: a thousand rows are a handful of lists."""
    written = json.dumps([[one.row for one in results], [one.outcome for one in results],
                          [one.label for one in results],
                          {one.row: [one.why, one.next_step, one.earns, one.about] for one in results
                           if one.why or one.earns or one.about}], ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(written.encode(), 1)


def unpack_results(packed: bytes) -> list[RowResult]:
    rows, outcomes, labels, more = json.loads(zlib.decompress(packed))
    found = []
    for row, outcome, label in zip(rows, outcomes, labels, strict=True):
        why, next_step, earns, about = more.get(str(row), _NO_MORE)
        found.append(RowResult(row, OUTCOMES[outcome], label, why, next_step, tuple(tuple(part) for part in earns),
                               about))
    return found


def count_results(results: Iterable[RowResult]) -> dict[str, int]:
    return {outcome.value: count for outcome, count in Counter(one.outcome for one in results).items()}


def sum_earned(results: Iterable[RowResult]) -> dict[str, int]:
    """Currency to smallest units."""
    sums: dict[str, int] = {}
    for one in results:
        for _, minor, currency in one.earns:
            sums[currency] = sums.get(currency, 0) + minor
    return sums


def add_up(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def page_of_results(upload: Upload, *, outcome: RowOutcome | None = None, after: int = 0) -> RowPage:
    """A page of them in the order of the file; parts without such a row are not even opened."""
    found: list[RowResult] = []
    for result in each_result(upload, (outcome,) if outcome else tuple(RowOutcome), after=after):
        if len(found) == A_PAGE:
            return RowPage(found, found[-1].row)
        found.append(result)
    return RowPage(found, None)


def each_result(upload: Upload, outcomes: Sequence[RowOutcome], *, after: int = 0) -> Iterator[RowResult]:
    """One part in memory at a time."""
    ids = db.session.execute(
        select(UploadPart.id, UploadPart.number, UploadPart.first_row, UploadPart.counts).where(
            UploadPart.upload_id == upload.id, UploadPart.counts.is_not(None)).order_by(UploadPart.number)).all()
    for place, part in enumerate(ids):
        following = ids[place + 1].first_row if place + 1 < len(ids) else None
        if (following is not None and following <= after) or not set(outcomes) & part.counts.keys():
            continue
        kept = db.session.scalar(
            select(UploadPart).where(UploadPart.id == part.id).options(undefer(UploadPart.outcomes)))
        if kept is None or kept.outcomes is None:
            continue
        yield from (one for one in unpack_results(kept.outcomes) if one.row > after and one.outcome in outcomes)
        db.session.expunge(kept)


def write_results(upload: Upload, outcomes: Sequence[RowOutcome]) -> Iterator[str]:
    """A CSV file that spreadsheets open safely, as it is made: which row, what came of it, why, what to do."""
    yield write_sheet(("row", "id", "outcome", "why", "what to do", "earns"), ())
    some: list[tuple[str, ...]] = []
    for one in each_result(upload, outcomes):
        some.append((str(one.row), one.label, WORDS[one.outcome], one.why, one.next_step,
                     "; ".join(f"{who}: {show_money(amount)}" for who, amount in one.amounts)))
        if len(some) >= 1_000:
            yield write_lines(some)
            some = []
    yield write_lines(some)
