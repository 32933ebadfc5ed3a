"""Get paid: a referrer's account at Stripe, what it still needs, and what went there."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation.db import finish_reading, transaction
from marketplace.foundation.errors import Conflict
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.outbox import do_now
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.models import ConnectedAccount, PayeeState, PayoutState
from marketplace.payments.money_out import bank_accounts, payees
from marketplace.payments.money_out.bank_payouts import CHECK_BANK_PAYOUTS, payouts_of, why_failed
from marketplace.payments.money_out.batches import next_batch_at
from marketplace.payments.money_out.countries import BY_NAME, COUNTRIES, least_payout
from marketplace.payments.money_out.payables import owed_to
from marketplace.payments.money_out.payee_words import reason_in_words
from marketplace.payments.money_out.requests import minimum_transfer
from marketplace.payments.money_out.stops import held_up
from marketplace.payments.money_out.transfers import pays_at_once
from marketplace.payments.queries import nettings_of, owed_back_by, transfers_of
from marketplace.payments.schemas import PayeeInput
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import PermanentFailure, TemporaryFailure

bp = Blueprint("payouts", __name__)

AWAY = "Stripe does not answer just now. Nothing is lost: try again in a few minutes."


@bp.route("/payouts", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def show() -> Any:
    """POST: start, with a country; Stripe's own pages come next."""
    user = signed_in_user()
    form = Form(PayeeInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                payee_id = payees.start_payee(user, form.fields["country"], by=user).id
            return _go_to_stripe(payee_id)
    return _page(user, form), form.status


def _page(user: User, form: Form) -> str:
    payee = payees.find_payee(user.id)
    country = COUNTRIES[payee.country] if payee else None
    owed = sorted(owed_to(user.id).items())
    return render_template(
        "payments/payouts.html", form=form, payee=payee, countries=BY_NAME, country=country.name if country else "",
        owed=[(amount, minimum_transfer(currency), country is None or country.takes(currency))
              for currency, amount in owed],
        restriction=reason_in_words(payee.restriction) if payee else "",
        least_payout=least_payout(payee.country) if payee else None,
        bank_waits_until=bank_accounts.waits_until(payee) if payee else None,
        is_bank_objected_to=bank_accounts.is_objected_to(payee) if payee else False,
        payouts=[(payout, why_failed(payout) if payout.state is PayoutState.FAILED else "")
                 for payout in payouts_of(user.id)],
        transfers=transfers_of(user), owed_back=owed_back_by(user), kept=nettings_of(user), stopped=held_up(user.id),
        next_batch=None if pays_at_once() else next_batch_at(), link_expired="link" in request.args)


@bp.post("/payouts/onboarding")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def onboard() -> Any:
    """On to Stripe's form, by a new link each time: it works once, for minutes, and only we may ask for it."""
    return _go_to_stripe(_own_payee().id)


@bp.get("/payouts/return")
@signed_in
def come_back() -> Any:
    """Stripe sends people here, however far they came: ask it how things stand."""
    _check(payees.find_payee(signed_in_user().id))
    return redirect(url_for(".show"))


@bp.post("/payouts/checks")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def check() -> Any:
    _check(_own_payee())
    return redirect(url_for(".show"))


@bp.post("/payouts/dashboard")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def dashboard() -> Any:
    """On to one's own pages at Stripe: bank account, payouts, tax forms."""
    payee = _own_payee()
    if payee.stripe_account_id is None or payee.state in {PayeeState.NONE, PayeeState.LINK_ISSUED}:
        raise payees.PayeeNotMade("Your Stripe pages open once you have filled in Stripe’s form.",
                                  next_step="Go on with the form first.")
    account_id = payee.stripe_account_id
    finish_reading()
    try:
        return redirect(gateway().open_express_dashboard(account_id), 303)
    except (TemporaryFailure, PermanentFailure):
        flash(AWAY, "warn")
        return redirect(url_for(".show"))


@bp.post("/payouts/objection")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def object_to_bank() -> Any:
    """The bank account was changed by somebody else."""
    payee_id = _own_payee().id
    with transaction():
        bank_accounts.object_to_bank(payee_id, by=signed_in_user())
    flash("Thank you. Nothing is sent until we have looked at it with you. Set a new password now.", "ok")
    return redirect(url_for(".show"))


def _own_payee() -> ConnectedAccount:
    payee = payees.find_payee(signed_in_user().id)
    if payee is None:
        raise Conflict("You have not begun to set up your payments.", next_step="Choose your country first.")
    return payee


def _go_to_stripe(payee_id: str) -> Any:
    user = signed_in_user()
    try:
        do_now(payees.CREATE_PAYEE, payee_id=payee_id)
        payee = payees.find_payee(user.id)
        if payee is None:
            flash("Stripe does not make accounts in that country for us. Choose another one, or ask us.", "bad")
            return redirect(url_for(".show"))
        address = payees.open_onboarding(payee)
    except (TemporaryFailure, PermanentFailure):
        flash(AWAY, "warn")
        return redirect(url_for(".show"))
    with transaction():
        payees.note_link_issued(payee_id, by=user)
    return redirect(address, 303)


def _check(payee: ConnectedAccount | None) -> None:
    if payee is None:
        return
    try:
        do_now(payees.CHECK_PAYEE, payee_id=payee.id)
        do_now(CHECK_BANK_PAYOUTS, payee_id=payee.id)
    except (TemporaryFailure, PermanentFailure):
        flash(AWAY, "warn")
