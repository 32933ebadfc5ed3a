"""Rows of what was earned in another programme: kept as history, for the business and for whoever earned it. It pays
nothing here."""
from collections.abc import Sequence

from sqlalchemy import insert, select

from marketplace.foundation import audit, clock
from marketplace.foundation.by_query import among
from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db, rows_of
from marketplace.foundation.fields import clean
from marketplace.foundation.ids import new_ids
from marketplace.referrals.suppression import hash_email
from marketplace.tracking.models import PastReward, Upload
from marketplace.tracking.uploads import programmes
from marketplace.tracking.uploads.columns import Column, writing_of
from marketplace.tracking.uploads.rows import Row, RowOutcome, RowResult
from marketplace.tracking.uploads.values import Odd, moment_of, read_amount, read_currency

COLUMNS = (
    Column("email", "Partner’s e-mail", "Whose it was.", programmes.EMAIL, required=True),
    Column("day", "Day", "When it was earned.", programmes.PAST_DAY, required=True),
    Column("amount", "Amount", "What they earned.", programmes.PAST_AMOUNT, required=True),
    Column("external_id", "Its id there", "By it nothing is kept twice.", programmes.PAST_ID),
    Column("currency", "Currency", "Where it stands in a column of its own.", ("currency", "currency code")),
    Column("state", "Its state there", "Paid, due, voided.", programmes.PAST_STATE),
)


class PastRewardRows:
    columns: Sequence[Column] = COLUMNS

    def key(self, row: Row) -> tuple[str, bool]:
        return _external_id(row), "external_id" in row.cells

    def check(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]:
        return [result for result, _ in _look(upload, rows)]

    def take(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]:
        looked = _look(upload, rows)
        kept = [columns for _, columns in looked if columns is not None]
        if kept:
            db.session.execute(insert(rows_of(PastReward)), [
                {"id": past_id, **columns} for past_id, columns in zip(new_ids("past", len(kept)), kept, strict=True)])
            audit.record("past_rewards.brought", upload.business_id, by=upload.uploaded_by, upload=upload.id,
                         count=len(kept))
        return [result for result, _ in looked]


def _look(upload: Upload, rows: Sequence[Row]) -> list[tuple[RowResult, dict[str, object] | None]]:
    programme, writing, now = upload.choices.get("programme", "other"), writing_of(upload), clock.now()
    known = set(db.session.scalars(select(PastReward.external_id).where(
        PastReward.business_id == upload.business_id, PastReward.programme == programme,
        among(PastReward.external_id, map(_external_id, rows)))))
    found: list[tuple[RowResult, dict[str, object] | None]] = []
    for row in rows:
        cells, own = row.cells, row.cells.get("external_id", "")
        if _external_id(row) in known:
            found.append((RowResult(row.number, RowOutcome.BEFORE, own, "It was brought before."), None))
            continue
        try:
            if "@" not in cells.get("email", ""):
                raise Odd("There is no e-mail address of the partner.", "Write whose it was.")
            if not {"day", "amount"} <= cells.keys():
                raise Odd("The day or the amount is missing.", "Write both.")
            currency = read_currency(cells["currency"]) if "currency" in cells else writing.currency
            amount = read_amount(cells["amount"], currency, writing.decimals)
            day = moment_of(cells["day"], writing.days, now).date()
        except Odd as wrong:
            found.append((RowResult(row.number, RowOutcome.UNREADABLE, own, wrong.why, wrong.next_step), None))
            continue
        found.append((RowResult(row.number, RowOutcome.KEPT, own, "Kept as history: it pays nothing here."), {
            "business_id": upload.business_id, "programme": programme, "external_id": _external_id(row),
            "partner_hash": hash_email(cells["email"]), "earned_on": day, "amount_minor": amount.minor,
            "currency": amount.currency, "said": clean(cells.get("state", ""))[:40].lower(), "created_at": now}))
    return found


def _external_id(row: Row) -> str:
    own = row.cells.get("external_id", "")[:200]
    said = "\0".join(f"{key}={row.cells[key]}" for key in sorted(row.cells))
    return own or "row-" + keyed_hash("past row", said)[:40]
