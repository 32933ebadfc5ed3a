"""What the people who handle a business's money are told by mail. Composed from ids when it is sent.

A letter that no longer applies when its turn comes is not sent: the function answers an empty list.
"""
from collections.abc import Callable

from marketplace.bounties.gate import rule_on_terms
from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import FORBIDDEN
from marketplace.bounties.used_up import why_used_up
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import AutoTopUp, Funding, FundingState, Refund, RefundState, TopUpState
from marketplace.payments.money_in.ageing import limits
from marketplace.payments.queries import money_people

WHY = "You get this mail because you handle the money of a business on Fingerpost."


def _to_money_people(business_id: str, subject: str, *paragraphs: str, path: str, label: str) -> list[Mail]:
    return [compose(user.email, subject, *(said for said in paragraphs if said), name=user.name, why=WHY,
                    action=(label, public_url(path))) for user in money_people(business_id)]


def _about(funding: Funding, subject: str, *paragraphs: str, label: str = "Open the payment") -> list[Mail]:
    return _to_money_people(funding.business_id, subject, *paragraphs, path=f"/fundings/{funding.id}", label=label)


def _title(purpose_id: str) -> str:
    bounty = db.session.get(Bounty, purpose_id)
    return f"“{bounty.title}”" if bounty else "a bounty"


def funding_receipt(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    if funding.paid_at is None:
        return []
    return _about(
        funding, "Receipt: your payment came in",
        f"Amount: {show_money(funding.amount)}",
        f"For: free funds of the bounty {_title(funding.purpose_id)}",
        f"Paid with: {funding.paid_with}" if funding.paid_with else "",
        f"Date: {day_in_words(funding.paid_at)}",
        f"Stripe’s reference: {funding.payment_intent_id}",
        "What is not used goes back to where it was paid from: when you ask for it, and when the bounty closes.")


def funding_processing(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    if funding.state is not FundingState.PROCESSING:
        return []
    return _about(
        funding, "Your payment is on its way",
        f"You confirmed {show_money(funding.amount)} for {_title(funding.purpose_id)}. Your bank takes some days.",
        "The bounty has the money once it has arrived; we write again then, or if your bank refuses it.")


def funding_failed(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    if funding.state is not FundingState.FAILED:
        return []
    return _about(
        funding, "Your payment did not go through",
        f"{show_money(funding.amount)} for {_title(funding.purpose_id)} did not arrive. {funding.failure or ''}",
        "The bounty’s funds are as they were before. You can start again on the payment’s page.",
        label="Start again")


def top_up_needs_owner(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    if funding.state is not FundingState.FAILED:
        return []
    return _about(
        funding, "Your bank wants you to confirm a top-up",
        f"{_title(funding.purpose_id)} is short of funds, so we asked your card for {show_money(funding.amount)}, as "
        "agreed. Your bank wants you to confirm it yourself, so nothing was taken.",
        "Pay the same sum on Stripe’s page; it takes a minute.", label="Confirm and pay")


def top_up_refused(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    if funding.state is not FundingState.FAILED:
        return []
    return _about(
        funding, "A top-up was refused",
        f"{_title(funding.purpose_id)} is short of funds, so we asked your card for {show_money(funding.amount)}, as "
        f"agreed. {funding.failure or ''} Nothing was taken.",
        "We try once more a day later. You can also pay it yourself now.", label="Pay it yourself")


def top_up_paused(top_up_id: str) -> list[Mail]:
    top_up = db.session.get_one(AutoTopUp, top_up_id)
    if top_up.state is not TopUpState.PAUSED:
        return []
    return _to_money_people(
        top_up.business_id, "Automatic top-up is paused", f"For {_title(top_up.purpose_id)}: {top_up.paused_because}",
        "Nothing is charged until you agree to it again.",
        path=f"/bounties/{top_up.purpose_id}/top-up", label="Look at it")


def top_up_month_full(top_up_id: str) -> list[Mail]:
    top_up = db.session.get_one(AutoTopUp, top_up_id)
    if top_up.state is not TopUpState.ON:
        return []
    return _to_money_people(
        top_up.business_id, "This month’s top-ups are used up",
        f"{_title(top_up.purpose_id)} is short of funds, and one more top-up of {show_money(top_up.amount)} would go "
        f"over the {show_money(top_up.monthly)} you agreed to for a month.",
        "It takes no more leads until you pay in yourself, agree to more, or the month ends.",
        path=f"/bounties/{top_up.purpose_id}/top-up", label="Look at it")


def refund_receipt(refund_id: str) -> list[Mail]:
    refund = db.session.get_one(Refund, refund_id)
    if refund.state in {RefundState.REQUESTED, RefundState.SENDING, RefundState.FAILED}:
        return []
    funding = db.session.get_one(Funding, refund.funding_id)
    return _about(
        funding, "Receipt: a refund is on its way to you",
        f"Amount: {show_money(refund.amount)}",
        f"Of: your payment of {show_money(funding.amount)} for the bounty {_title(funding.purpose_id)}",
        f"To: {funding.paid_with}" if funding.paid_with else "To: where it was paid from",
        f"Date: {day_in_words(clock.now())}",
        f"Stripe’s reference: {refund.stripe_refund_id}",
        "Your bank shows it within five to ten working days.")


def funds_ageing(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    if funding.paid_at is None or funding.refunded_minor == funding.amount_minor:
        return []
    rule = limits()
    return _about(
        funding, "Unused money goes back to you soon",
        f"Part of the {show_money(funding.amount)} that you paid in for {_title(funding.purpose_id)} is not used yet. "
        f"Stripe lets us keep money for {rule.holds} days at most.",
        f"What is still unused {rule.refund_after} days after the payment goes back to where it was paid from.",
        "You need do nothing. A lead that is accepted before then reserves its part, which stays.")


def funds_aged_out(funding_id: str) -> list[Mail]:
    funding = db.session.get_one(Funding, funding_id)
    return _about(
        funding, "Unused money goes back to you",
        f"Part of the {show_money(funding.amount)} that you paid in for {_title(funding.purpose_id)} was not used for "
        f"{limits().refund_after} days, so it goes back to where it was paid from. A receipt follows for the refund.",
        "What is reserved for leads stays. You can pay in again at any time.")


def bounty_used_up(bounty_id: str) -> list[Mail]:
    bounty = db.session.get_one(Bounty, bounty_id)
    if bounty.paused_because != why_used_up(bounty.terms):
        return []
    return _to_money_people(
        bounty.business_id, "Your bounty has paid all that it pays", f"“{bounty.title}”: {bounty.paused_because}",
        "It is paused: nobody shall point for a reward that is not there. Leads that were accepted keep their terms.",
        "Raise the limit for all of it, or take it out, and publish it again.",
        path=f"/bounties/{bounty.id}/edit", label="Change the bounty")


def bounty_forbidden(bounty_id: str) -> list[Mail]:
    bounty = db.session.get_one(Bounty, bounty_id)
    ruling = rule_on_terms(bounty.terms)
    if bounty.paused_because != FORBIDDEN or ruling.rule is None:
        return []
    return _to_money_people(
        bounty.business_id, "Your bounty is paused: its reward is not allowed there any more",
        f"“{bounty.title}” is paused. {ruling.rule.says} ({ruling.rule.citation})",
        "Leads that you have keep their terms as far as the law allows. You can lower the reward with one button on "
        "the bounty's page, and publish it again.",
        "This is what Fingerpost does, not legal advice.",
        path=f"/bounties/{bounty.id}", label="Open the bounty")


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        funding_receipt, funding_processing, funding_failed, top_up_needs_owner, top_up_refused, top_up_paused,
        top_up_month_full, refund_receipt, funds_ageing, funds_aged_out, bounty_used_up,
        bounty_forbidden,
    )
}
