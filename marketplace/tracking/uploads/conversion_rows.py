"""Rows that say what a business sold: each becomes a report, by the rules of every other way in."""
from collections.abc import Sequence
from datetime import datetime

from marketplace.foundation import clock, outbox
from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db, savepoint
from marketplace.foundation.errors import DomainError, Invalid
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.referrals.models import ConversionSource
from marketplace.tracking import at_once
from marketplace.tracking.at_once import Marked
from marketplace.tracking.intake import NO_FUNDS, NOBODY, take_conversion
from marketplace.tracking.models import ReportKind, ReportState, Upload
from marketplace.tracking.report_outcomes import Outcome
from marketplace.tracking.reported import Reported, ReportedOtherwise, check_reported
from marketplace.tracking.uploads.columns import Column, writing_of
from marketplace.tracking.uploads.rows import Row, RowOutcome, RowResult
from marketplace.tracking.uploads.values import Odd, Writing, moment_of, read_amount, read_currency

CSV = ConversionSource.CSV
KINDS = {  # What people and programs call what happened.
    ReportKind.SALE: ("sale", "sales", "order", "purchase", "charge", "payment", "paid", "invoice", "transaction"),
    ReportKind.RENEWAL: ("renewal", "renewed", "subscription renewal", "rebill", "recurring"),
    ReportKind.SIGN_UP: ("sign up", "signup", "sign-up", "sign_up", "qualified", "trial", "registration"),
    ReportKind.LEAD: ("lead", "enquiry", "inquiry", "contact"),
}
_KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
COLUMNS = (
    Column("day", "Day of the sale", "When they bought, with an hour or without.", (
        "day", "date", "sold on", "sale date", "order date", "purchase date", "paid at", "paid on", "created at",
        "created", "created date utc", "processed at", "transaction date", "time", "timestamp"), required=True),
    Column("amount", "Amount", "What they paid, without taxes and shipping.", (
        "net amount", "amount", "net", "subtotal", "value", "price", "revenue", "sale amount", "order total", "total",
        "gross", "amount paid"), required=True),
    Column("external_id", "Your own id", "The number of the order: by it no sale counts twice.", (
        "external id", "order id", "order number", "order no", "order", "invoice number", "invoice", "invoice id",
        "transaction id", "payment id", "charge id", "sale id", "reference", "id", "number", "name")),
    Column("code", "Code that was said", "The spoken code of a referrer, or a coupon that is one.", (
        "referral code", "code", "ref", "via", "coupon", "coupon code", "discount code", "promo code", "promotion code",
        "voucher")),
    Column("email", "Customer’s e-mail",
           "It is scrambled at once, and finds the lead that said yes with this address.", (
        "customer email", "email", "e mail", "buyer email", "billing email", "email address")),
    Column("customer", "Customer’s own id", "Your id for whoever bought: scrambled at once.", (
        "customer id", "customer", "client id", "client reference id", "user id", "account id")),
    Column("click", "Click id", "What came along in the address as fp_click.", ("fp click", "click id", "click")),
    Column("lead", "Lead", "Its id here, where you know it.", ("lead id", "lead", "fingerpost lead")),
    Column("currency", "Currency", "Where it stands in a column of its own.", ("currency", "currency code", "cur")),
    Column("kind", "What happened", "Sale, renewal, sign-up or lead; empty is a sale.", ("kind", "type", "event")),
)


class ConversionRows:
    columns: Sequence[Column] = COLUMNS

    def key(self, row: Row) -> tuple[str, bool]:
        return external_id_of(row), "external_id" in row.cells

    def check(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]:
        return _go(upload, rows, is_trial=True)

    def take(self, upload: Upload, rows: Sequence[Row]) -> list[RowResult]:
        return _go(upload, rows, is_trial=False)


def _go(upload: Upload, rows: Sequence[Row], *, is_trial: bool) -> list[RowResult]:
    """What can be nobody's by a statement for all of them; the others by the verb itself, which a trial takes back."""
    business = db.session.get_one(Business, upload.business_id)
    by = db.session.get_one(User, upload.chosen.get("by", upload.uploaded_by))
    results, readable = _read(upload, rows)
    world = at_once.look_around(business.id)
    number = {said.external_id: row for row, said in readable.items()}
    # What was known when it was looked at is not among what is taken. Reported meanwhile, by another file: the database
    # refuses these rows together, and they are looked up when the job is tried again.
    known = at_once.find_known(business.id, CSV, number) if is_trial or outbox.attempt_in_hand() > 1 else set[str]()
    many = [Marked(business.id, said) for said in readable.values()]
    nobodys, others = at_once.part_nobodys(world, [one for one in many if one.said.external_id not in known])
    if nobodys and not is_trial:
        at_once.keep_unmatched(world, nobodys, source=CSV, by=by.id)
    results += [RowResult(number[one.said.external_id], RowOutcome.KEPT, one.said.external_id) for one in nobodys]
    asked = [*(one for one in many if one.said.external_id in known), *others]
    if asked:
        with savepoint(keep=not is_trial):
            results += [_try(business, one.said, number[one.said.external_id], by) for one in asked]
    return results


def external_id_of(row: Row) -> str:
    """Its own, or a scrambled mark of all that it says: the same row is the same sale, also in the next file."""
    own = row.cells.get("external_id")
    return own or "row-" + keyed_hash("csv row", "\0".join(f"{key}={row.cells[key]}" for key in sorted(row.cells)))[:40]


def _read(upload: Upload, rows: Sequence[Row]) -> tuple[list[RowResult], dict[int, Reported]]:
    """Rows that nobody could count, and what the others report, by their number."""
    odd: list[RowResult] = []
    found: dict[int, Reported] = {}
    writing, now = writing_of(upload), clock.now()
    for row in rows:
        try:
            said = read_report(row, writing, now, {"upload": upload.id, "row": row.number})
            check_reported(said)
        except Odd as wrong:
            odd.append(RowResult(row.number, RowOutcome.UNREADABLE, row.cells.get("external_id", ""), wrong.why,
                                 wrong.next_step))
        except Invalid as wrong:
            why = " ".join(sentence for sentences in wrong.fields.values() for sentence in sentences) or wrong.message
            odd.append(RowResult(row.number, RowOutcome.UNREADABLE, row.cells.get("external_id", ""), why,
                                 "Correct it in the file, then upload it again."))
        else:
            found[row.number] = said
    return odd, found


def read_report(row: Row, writing: Writing, now: datetime, raw: dict[str, object]) -> Reported:
    """Odd for a cell that says nothing we can use."""
    cells = row.cells
    kind = _kind(cells.get("kind", ""))
    currency = read_currency(cells["currency"]) if "currency" in cells else writing.currency
    if "day" not in cells:
        raise Odd("There is no day.", "Write the day of the sale.")
    return Reported(
        external_id=external_id_of(row), kind=kind, amount=_amount(cells.get("amount"), currency, writing, kind),
        at=moment_of(cells["day"], writing.days, now), customer=cells.get("customer"), email=_email(cells.get("email")),
        click=cells.get("click"), code=cells.get("code", "")[:100] or None, lead_id=cells.get("lead"), raw=raw)


def _kind(said: str) -> ReportKind:
    if not said:
        return ReportKind.SALE
    if (kind := _KIND_OF.get(said.lower())) is None:
        raise Odd(f"“{said[:40]}” is nothing that we count here.",
                  "Write sale, renewal, sign-up or lead; a refund is recorded with its sale.")
    return kind


def _amount(cell: str | None, currency: str, writing: Writing, kind: ReportKind) -> Money | None:
    if kind in {ReportKind.SIGN_UP, ReportKind.LEAD}:
        return None
    if cell is None:
        raise Odd("There is no amount.", "Write what they paid, without taxes and shipping.")
    return read_amount(cell, currency, writing.decimals)


def _email(cell: str | None) -> str | None:
    if cell is None:
        return None
    name, at, host = cell.partition("@")
    if not (name and at and "." in host) or "@" in host or " " in cell:
        raise Odd("The customer’s e-mail is no address.", "Correct it, or leave the cell empty.")
    return cell


def _try(business: Business, said: Reported, row: int, by: User) -> RowResult:
    """Alone: what one row breaks does not touch the others."""
    try:
        with savepoint():
            outcome = take_conversion(business, said, source=CSV, by=by)
    except ReportedOtherwise:
        return RowResult(row, RowOutcome.REFUSED, said.external_id, "This id was reported before, with other facts.",
                         "Give it an id of its own; to correct a sale, record a refund or write to us.")
    except DomainError as refusal:
        return RowResult(row, RowOutcome.REFUSED, said.external_id, refusal.message, refusal.next_step)
    return _result(outcome, said, row)


def _result(outcome: Outcome, said: Reported, row: int) -> RowResult:
    report, why = outcome.report, " ".join(outcome.reasons)
    if outcome.is_repeat or report.state is ReportState.DUPLICATE:
        return RowResult(row, RowOutcome.BEFORE, said.external_id, why if not outcome.is_repeat else
                         "It was reported before; nothing is done twice.", about=report.id)
    if report.state is ReportState.REJECTED:
        return RowResult(row, RowOutcome.REFUSED, said.external_id, why, "Nothing more; its page says how to object.",
                         about=report.id)
    if report.state is ReportState.UNMATCHED or report.reason == NO_FUNDS:
        return RowResult(row, RowOutcome.KEPT, said.external_id, "" if report.reason == NOBODY else why,
                         about=report.id)
    of_each: dict[tuple[str | None, str], int] = {}
    for one in outcome.rewards:
        whose = one.beneficiary_id, one.currency
        of_each[whose] = of_each.get(whose, 0) + one.amount_minor
    earned = tuple((_name(user_id), minor, currency) for (user_id, currency), minor in of_each.items())
    return RowResult(row, RowOutcome.EARNS if earned else RowOutcome.COUNTED, said.external_id, why, earns=earned,
                     about=report.id)


def _name(user_id: str | None) -> str:
    return db.session.get_one(User, user_id).name if user_id else "the buyer"
