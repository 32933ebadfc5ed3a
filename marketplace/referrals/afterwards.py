"""What a sale earns afterwards: later parts by the terms' own clock, and renewals that the business records."""
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select

from marketplace.bounties.models import Happening, RewardRule
from marketplace.bounties.rules import Event, RewardPreview, times_at_most
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.payments.disputes.freezing import frozen_of
from marketplace.payments.money_in import funds
from marketplace.referrals.caps import used_up
from marketplace.referrals.clawbacks import catch_up_with_refunds
from marketplace.referrals.conversion import note_order, record_conversion
from marketplace.referrals.lawful import price_for
from marketplace.referrals.locks import lock_funds_of, lock_orders_of
from marketplace.referrals.models import Conversion, ConversionKind, ConversionSource, Lead
from marketplace.referrals.permissions import may_work
from marketplace.referrals.queries import find_conversion, is_found_false
from marketplace.referrals.reserving import free_what_cannot_be_earned, whole_months
from marketplace.referrals.sale_value import is_given_back, recorded_value

DAYS_IN_A_MONTH = 31  # At most: a look too late only keeps money a day longer.


class NoRenewals(Conflict):
    code = "no_renewals"


class RenewalsUsedUp(Conflict):
    code = "renewals_used_up"


class RenewalsOver(Conflict):
    code = "renewals_over"


class RenewalTooSoon(Conflict):
    code = "renewal_too_soon"


def promise_what_follows(lead: Lead, sale: Conversion) -> None:
    """At the sale: each later part falls due by itself; when the months of renewals are over, the rest comes free."""
    for days in sorted({rule.after_days or 0 for rule in lead.terms.rules if rule.happening is Happening.LATER}):
        outbox.promise("earn_later", after=_due_at(sale, days) - clock.now(), sale_id=sale.id, days=str(days))
    months = max((rule.within_months or 0 for rule in _renewal_rules(lead)), default=0)
    if months:
        over = _due_at(sale, DAYS_IN_A_MONTH * (months + 1)) - clock.now()
        outbox.promise("end_renewals", after=max(over, timedelta(0)), sale_id=sale.id)


def _due_at(sale: Conversion, days: int) -> datetime:
    return max(datetime.combine(sale.occurred_on + timedelta(days=days), time(0), UTC), clock.now())


def earn_later(sale_id: str, days: str) -> None:
    """Job, so many days after a sale: the later part is earned, unless all of the sale was given back meanwhile.

    It is counted from the sale as it stands then, with what a ruling found beyond it. What was refunded of that by then
    is taken back at once, as if the part had been there before.
    """
    lead_id = db.session.scalars(select(Conversion.lead_id).filter_by(id=sale_id)).one()
    lead, number = db.session.get_one(Lead, lead_id), int(days)
    lock_funds_of(lead)
    sale = db.session.get_one(Conversion, sale_id, populate_existing=True, with_for_update={"key_share": True})
    is_known = db.session.scalar(select(Conversion.id).where(
        Conversion.sale_id == sale.id, Conversion.kind == ConversionKind.LATER, Conversion.number == number))
    if is_known or is_given_back(sale) or is_found_false(lead.id):
        return
    later = record_conversion(
        lead, Event(Happening.LATER, recorded_value(sale), after_days=number), clock.now().date(),
        kind=ConversionKind.LATER, source=ConversionSource.TERMS, external_id=f"{sale.id}:{number}", sale=sale,
        number=number, by=audit.SYSTEM)
    catch_up_with_refunds(later, by=audit.SYSTEM)


def record_renewal(lead: Lead, *, by: User, amount: Money, occurred_on: date, order_number: str) -> Conversion:
    """The buyer renewed: counted, and paid for as the terms say.

    NoRenewals, RenewalsUsedUp, RenewalsOver, RenewalTooSoon, AlreadyCounted (409); Invalid for the day or the amount;
    NotEnoughMoney (409) for one that comes so late that its money is gone.
    """
    require(may_work(by, lead), "record a renewal of this sale")
    lock_orders_of(lead.business_id)
    lock_funds_of(lead)
    note_order(lead, order_number)
    return renew(lead, amount, occurred_on, source=ConversionSource.MANUAL, external_id=order_number, by=by.id)


def renew(
    lead: Lead, amount: Money, occurred_on: date, *, source: ConversionSource, external_id: str, by: str
) -> Conversion:
    """``record_renewal``, whoever may say so. Refused before anything is written."""
    sale, event = _check_renewal(lead, amount, occurred_on)
    _reserve_what_was_freed(lead, price_for(lead, event, used_up(lead)))
    return record_conversion(
        lead, event, occurred_on, kind=ConversionKind.RENEWAL, source=source, external_id=external_id, amount=amount,
        sale=sale, number=event.number, by=by)


def _reserve_what_was_freed(lead: Lead, earned: RewardPreview) -> None:
    """A renewal of the paid months that is recorded after them: the referrer does not pay for the delay."""
    currency = lead.terms.currency
    kept = funds.reserved_for(lead.id, currency) + frozen_of(lead.id, currency)
    short = earned.reward + earned.buyer_share + earned.fee - kept
    if short.minor > 0:
        funds.reserve(lead.id, bounty_id=lead.bounty_id, amount=short)


def preview_renewal(lead: Lead, *, by: User, amount: Money, occurred_on: date) -> RewardPreview:
    """What it would earn. Refuses what record_renewal would refuse."""
    _, event = check_renewal(lead, by=by, amount=amount, occurred_on=occurred_on)
    return price_for(lead, event, used_up(lead, is_preview=True))


def check_renewal(lead: Lead, *, by: User, amount: Money, occurred_on: date) -> tuple[Conversion, Event]:
    """The sale that it follows, and the renewal as the rules know it."""
    require(may_work(by, lead), "record a renewal of this sale")
    return _check_renewal(lead, amount, occurred_on)


def _check_renewal(lead: Lead, amount: Money, occurred_on: date) -> tuple[Conversion, Event]:
    sale = _lock_sale(lead)
    if amount.currency != lead.terms.currency or amount.minor <= 0:
        raise Invalid(f"A renewal has an amount above zero, in {lead.terms.currency.upper()}.",
                      fields={"amount": [f"More than zero, in {lead.terms.currency.upper()}."]})
    if not sale.occurred_on <= occurred_on <= clock.now().date():
        raise Invalid("A renewal comes after the sale, and not in the future.",
                      fields={"occurred_on": [
                          f"From {day_in_words(sale.occurred_on)}, the day of the sale, to today."]})
    event = Event(Happening.RENEWAL, amount, count_renewals(sale) + 1, whole_months(sale.occurred_on, occurred_on))
    _refuse_beyond(lead, sale, event)
    return sale, event


def _lock_sale(lead: Lead) -> Conversion:
    """One renewal at a time, so that none is counted beyond the last."""
    found = find_conversion(lead)
    if found is None:
        raise NoRenewals("There is no sale to renew.", next_step="Record the sale first.")
    lock_funds_of(lead)
    sale = db.session.get_one(Conversion, found.id, populate_existing=True, with_for_update={"key_share": True})
    if is_found_false(lead.id):
        raise RenewalsOver("This lead was found not to be genuine, so nothing follows its sale.",
                           next_step="Nothing needs to be recorded.")
    if not _renewal_rules(lead):
        raise NoRenewals("These terms pay for no renewals.", next_step="Nothing needs to be recorded.")
    if is_given_back(sale):
        raise RenewalsOver("The whole sale was refunded, so nothing follows it.",
                           next_step="Nothing needs to be recorded.")
    if sale.renewals_ended_at is not None:
        raise RenewalsOver("You said that no further renewal follows this sale.",
                           next_step="Write to us if that was a mistake.")
    return sale


def _refuse_beyond(lead: Lead, sale: Conversion, event: Event) -> None:
    rules = _renewal_rules(lead)
    most = max(times_at_most(rule) for rule in rules)
    if event.number > most:
        raise RenewalsUsedUp(f"All {most} renewals that these terms pay for are recorded.",
                             next_step="Nothing more needs to be recorded.")
    in_time = [rule for rule in rules if rule.within_months is None or event.months <= rule.within_months]
    if not in_time:
        raise RenewalsOver("The months in which renewals are paid for are over.",
                           next_step="Nothing more needs to be recorded.")
    days = db.session.scalars(select(Conversion.occurred_on).where(
        Conversion.sale_id == sale.id, Conversion.kind == ConversionKind.RENEWAL)).all()
    is_monthly = all(rule.times is None for rule in in_time)
    if is_monthly and event.months in {whole_months(sale.occurred_on, day) for day in days}:
        raise RenewalTooSoon("A renewal of this month is recorded already: these terms pay for one a month.",
                             next_step="Record the next one a month later.")


def stop_renewals(lead: Lead, *, by: User) -> None:
    """The contract has ended: what was kept for renewals comes free. The referrer is told."""
    require(may_work(by, lead), "say that no renewal follows")
    sale = _lock_sale(lead)
    sale.renewals_ended_at = clock.now()
    audit.record("renewals.ended", sale.id, by=by.id)
    db.session.flush()
    free_what_cannot_be_earned(lead, why="no renewal follows")
    outbox.promise("send_letter", letter="renewals_ended", lead_id=lead.id)


def end_renewals(sale_id: str) -> None:
    """Job, when the months of renewals are over."""
    sale = db.session.get_one(Conversion, sale_id)
    free_what_cannot_be_earned(db.session.get_one(Lead, sale.lead_id), why="the months of renewals are over")


def count_renewals(sale: Conversion) -> int:
    return db.session.scalar(select(func.count()).select_from(Conversion).where(
        Conversion.sale_id == sale.id, Conversion.kind == ConversionKind.RENEWAL)) or 0


def may_renew(lead: Lead, sale: Conversion | None) -> bool:
    """Whether a renewal recorded today could count."""
    if sale is None or is_given_back(sale) or sale.renewals_ended_at is not None or is_found_false(lead.id):
        return False
    number, months = count_renewals(sale) + 1, whole_months(sale.occurred_on, clock.now().date())
    return any(number <= times_at_most(rule) and (rule.within_months is None or months <= rule.within_months)
               for rule in _renewal_rules(lead))


def _renewal_rules(lead: Lead) -> list[RewardRule]:
    return [rule for rule in lead.terms.rules if rule.happening is Happening.RENEWAL]
