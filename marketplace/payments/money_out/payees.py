"""A person who is paid: one open account at Stripe, filled in on Stripe's own pages, read back from there."""
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.outbox import Errand
from marketplace.identity.models import User
from marketplace.payments import lifecycle, sending
from marketplace.payments.models import Agreement, ConnectedAccount, PayeeState
from marketplace.payments.money_out.bank_accounts import note_banks
from marketplace.payments.money_out.countries import COUNTRIES, needs_recipient_agreement
from marketplace.payments.permissions import may_be_paid_as
from marketplace.payments.sending import Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import ConnectedAccountReading, PermanentFailure

# The page that starts it asks Stripe itself; the job comes after it, or instead of it when Stripe was away.
JOB_AFTER = timedelta(seconds=20)
NO_USE_AFTER = timedelta(days=29)  # Stripe forgets keys of v2 after 30: the same key would make a second account.
FIRST_LOOK, NEXT_LOOK = timedelta(minutes=15), timedelta(days=1)  # The net under lost webhooks.

S = PayeeState
LETTER_AT = {S.ACTION_NEEDED: "payee_asked", S.RESTRICTED: "payee_restricted", S.CLOSED: "payee_closed"}
OURS = frozenset({S.NONE, S.LINK_ISSUED})  # States that are about our link, not about what Stripe thinks.


class PayeeExists(Conflict):
    code = "payee_exists"


class CountryNotServed(Invalid):
    code = "country_not_served"


class PayeeNotMade(Conflict):
    """Stripe has not made the account yet."""

    code = "payee_not_made"


@dataclass(frozen=True)
class Made:
    stripe_account_id: str


def find_payee(user_id: str) -> ConnectedAccount | None:
    """The open account, else the one that was closed last."""
    found = db.session.scalars(
        select(ConnectedAccount).filter_by(user_id=user_id)
        .order_by(ConnectedAccount.created_at.desc(), ConnectedAccount.id.desc())).all()
    return next((payee for payee in found if payee.state is not S.CLOSED), found[0] if found else None)


def start_payee(user: User, country: str, *, by: User) -> ConnectedAccount:
    """One open account for each person; after a closed one, another. PayeeExists (409), CountryNotServed (422)."""
    require(may_be_paid_as(by, user.id), "set up how someone else is paid")
    before = find_payee(user.id)
    if before and before.state is not S.CLOSED:
        raise PayeeExists("You have a Stripe account here already.", next_step="Go on with it.")
    if country not in COUNTRIES:
        raise CountryNotServed("We cannot pay to that country yet.", next_step="Choose one from the list.",
                               fields={"country": ["Choose a country from the list."]})
    platform = current_app.extensions["settings"].platform_country
    payee = ConnectedAccount(
        user_id=user.id, country=country, currency=COUNTRIES[country].currency, idempotency_key="",
        agreement=Agreement.RECIPIENT if needs_recipient_agreement(country, platform=platform) else Agreement.FULL)
    db.session.add(payee)
    payee.idempotency_key = sending.make_key(f"{user.id}|{clock.now().isoformat()}")
    db.session.flush()
    audit.record("payee.started", payee.id, by=by.id, country=country)
    outbox.promise("create_payee", after=JOB_AFTER, payee_id=payee.id)
    return payee


def _make(payee_id: str) -> Made | Refused | None:
    payee = db.session.get(ConnectedAccount, payee_id)
    if payee is None or payee.stripe_account_id:
        return None
    user = sending.read_alone(User, payee.user_id)
    payee = sending.read_alone(ConnectedAccount, payee_id)
    if clock.now() > payee.created_at + NO_USE_AFTER:
        return Refused("too_late", "Stripe could not be reached for weeks.")
    try:
        return Made(gateway().create_connected_account(
            user_id=user.id, email=user.email, display_name=user.name, country=payee.country.lower(),
            currency=payee.currency, key=payee.idempotency_key,
            recipient_agreement=payee.agreement is Agreement.RECIPIENT))
    except PermanentFailure as failure:
        return Refused(failure.code, str(failure))


def _keep(outcome: Made | Refused | None, payee_id: str) -> None:
    payee = _lock(payee_id)
    if payee is None or payee.stripe_account_id or outcome is None:
        return
    if isinstance(outcome, Made):
        payee.stripe_account_id = outcome.stripe_account_id
        audit.record("payee.made", payee.id, by=audit.SYSTEM, stripe=outcome.stripe_account_id)
    else:
        # Nothing stands at Stripe; the person may start again, in another country perhaps.
        audit.record("payee.refused", payee.id, by=audit.SYSTEM, code=outcome.code, reason=outcome.message)
        db.session.delete(payee)


def open_onboarding(payee: ConnectedAccount) -> str:
    """The address of Stripe's form, for its owner's eyes only: good once, for minutes, never stored.

    Calls Stripe: with no transaction open. PayeeNotMade (409) before Stripe has made the account.
    """
    if payee.stripe_account_id is None:
        raise PayeeNotMade("Stripe is still making your account.", next_step="Try again in a minute.")
    site = current_app.extensions["settings"].public_url
    return gateway().open_onboarding(
        payee.stripe_account_id, refresh_url=f"{site}/payouts?link=expired", return_url=f"{site}/payouts/return")


def note_link_issued(payee_id: str, *, by: User) -> None:
    payee = _lock(payee_id)
    if payee is None:
        return
    require(may_be_paid_as(by, payee.user_id), "open someone else’s Stripe form")
    if payee.state is S.NONE:
        lifecycle.move_payee(payee, S.LINK_ISSUED, by=by.id)
        outbox.promise("check_payee", after=FIRST_LOOK, payee_id=payee.id)


def _read(payee_id: str) -> ConnectedAccountReading | None:
    payee = sending.read_alone(ConnectedAccount, payee_id)
    return gateway().read_connected_account(payee.stripe_account_id) if payee.stripe_account_id else None


def _apply(reading: ConnectedAccountReading | None, payee_id: str) -> None:
    payee = _lock(payee_id)
    if payee is None or reading is None:
        return
    note_reading(payee, reading)
    if payee.state is not S.CLOSED and (payee.state is not S.READY or payee.requirements):
        due = clock.now() + NEXT_LOOK
        outbox.promise("check_payee", after=NEXT_LOOK, key=f"check:{payee.id}:{due.date()}", payee_id=payee.id)


def note_reading(payee: ConnectedAccount, reading: ConnectedAccountReading) -> None:
    """What Stripe thinks now. Getting ready sets off the transfers that waited for it; the rest the person hears of."""
    had_questions = bool(payee.requirements)
    payee.checked_at = clock.now()
    payee.requirements, payee.requirements_due_at = reading.requirements, reading.due_at
    payee.restriction = reading.restriction
    note_banks(payee, reading)
    target = state_of(reading, payee.state)
    if target is payee.state:
        if target is S.READY and payee.requirements and not had_questions:
            _write(payee, "payee_asked")
        return
    lifecycle.move_payee(payee, target, by=audit.SYSTEM)
    if target is S.READY:
        outbox.promise("request_transfers", payee_id=payee.user_id)
    elif target in LETTER_AT:
        _write(payee, LETTER_AT[target])


def _write(payee: ConnectedAccount, letter: str) -> None:
    outbox.promise("send_letter", letter=letter, payee_id=payee.id)


def state_of(reading: ConnectedAccountReading, now: PayeeState) -> PayeeState:
    """Pending and restricted alone say little; whose turn it is says more."""
    if now is S.CLOSED or reading.closed:
        return S.CLOSED
    if reading.transfers_status == "active":
        return S.READY
    if reading.awaiting == "user":
        return now if now in OURS else S.ACTION_NEEDED
    if reading.awaiting == "stripe" or reading.transfers_status == "pending":
        return S.IN_REVIEW
    return S.RESTRICTED


def _lock(payee_id: str) -> ConnectedAccount | None:
    return db.session.get(ConnectedAccount, payee_id, populate_existing=True, with_for_update={"key_share": True})


CREATE_PAYEE = Errand(_make, _keep)
CHECK_PAYEE = Errand(_read, _apply)
