"""The business works the lead, stage by stage; won makes the conversion in the same transaction."""
from datetime import date

from marketplace.bounties.publishing import pause_if_out_of_funds
from marketplace.bounties.rules import Event, Happening, RewardPreview, worst_case
from marketplace.foundation import clock, outbox
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money, zero
from marketplace.foundation.show import day_in_words
from marketplace.foundation.states import check_move
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.payments.money_in import funds
from marketplace.referrals import lifecycle
from marketplace.referrals.afterwards import promise_what_follows
from marketplace.referrals.caps import used_up
from marketplace.referrals.conversion import note_order, record_conversion
from marketplace.referrals.kept_words import keep_words
from marketplace.referrals.lawful import price_for
from marketplace.referrals.locks import lock_funds_of, lock_orders_of
from marketplace.referrals.models import (
    Consent,
    Conversion,
    ConversionKind,
    ConversionSource,
    Lead,
    Moderation,
    Stage,
)
from marketplace.referrals.ownership import bought_elsewhere
from marketplace.referrals.permissions import may_work
from marketplace.referrals.protection import extend_for_activity
from marketplace.referrals.queries import conversions_of, find_conversion, has_finding, is_disputed
from marketplace.referrals.reserving import free_reserved, still_possible
from marketplace.referrals.said_bought import settle_word

ACTIVE = frozenset({Stage.QUALIFIED, Stage.MEETING, Stage.NEGOTIATION})  # Evidence of activity.
ENDED = frozenset({Stage.LOST, Stage.UNQUALIFIED})
IN_TALKS = frozenset({Stage.INTRODUCED, Stage.MEETING, Stage.NEGOTIATION})  # None without talking to the buyer.


class NotOpen(Conflict):
    code = "lead_not_open"


class FirstSaleOnly(Conflict):
    code = "first_sale_only"


def change_stage(lead: Lead, stage: Stage, *, by: User, reason: str = "", version: int | None = None) -> None:
    """Any move of the table but ``won``, which needs an amount: win_lead. An ending needs a reason."""
    _check_may_work(lead, by, version)
    if stage is Stage.WON:
        raise Invalid("A won lead needs the amount and the day of the sale.", next_step="Use the form for a sale.")
    if stage in ENDED and not reason:
        raise Invalid("Say why, in a sentence: the referrer reads it.", fields={"reason": ["Say why, in a sentence."]})
    if stage in IN_TALKS and lead.consent is Consent.WITHDRAWN:
        raise NotOpen("The buyer took the yes back: nobody contacts them.",
                      next_step="If they bought already, record the sale. If nothing came of it, say so: lost.")
    if stage in IN_TALKS and has_finding(lead.id):
        raise NotOpen("It was found that this lead is not genuine: nobody is introduced by it.",
                      next_step="If they bought already, record the sale. Else wait until it is decided for good.")
    if stage in IN_TALKS and lead.is_held:
        raise NotOpen("A person at Fingerpost looks at this lead first: you are not introduced yet.",
                      next_step="If they bought already, record the sale. Else wait until that is decided.")
    lock_funds_of(lead)
    was_lost = lead.stage is Stage.LOST
    lifecycle.move_stage(lead, stage, by=by.id, words=keep_words(lead, reason))
    if stage in ENDED:
        free_reserved(lead, why=stage)
        outbox.promise("send_letter", letter="lead_closed", lead_id=lead.id)
    elif was_lost:
        kept = funds.reserved_for(lead.id, lead.terms.currency)  # By a dispute, perhaps.
        most = min(still_possible(lead), worst_case(lead.terms))
        funds.reserve(lead.id, bounty_id=lead.bounty_id, amount=max(most - kept, zero(kept.currency)))
        pause_if_out_of_funds(lead.bounty)
    elif stage is Stage.QUALIFIED:
        qualify(lead, by=by.id)
    if stage in ACTIVE:
        extend_for_activity(lead, by=by.id)


def open_moves(lead: Lead) -> frozenset[Stage]:
    """Where the business may move it now. Once the yes is taken back, or while it is found false or a person looks at
    it first: what came of it by itself, or that it ended."""
    moves = lifecycle.STAGE_MOVES[lead.stage or Stage.NEW]
    if lead.consent is not Consent.WITHDRAWN and not lead.is_held and not has_finding(lead.id):
        return moves
    return moves - IN_TALKS - (frozenset() if is_to_qualify(lead) else {Stage.QUALIFIED})


def may_sell(lead: Lead, by: User) -> bool:
    """Whether they could record its sale as it stands."""
    return (lead.moderation is Moderation.ACCEPTED and is_introduced(lead) and may_work(by, lead)
            and Stage.WON in open_moves(lead) and not bought_elsewhere([lead]))


def win_lead(
    lead: Lead, *, by: User, amount: Money, occurred_on: date, order_number: str = "", version: int | None = None
) -> Conversion:
    """The sale: stage won, conversion and reward, all in this transaction or none."""
    check_sale(lead, by=by, amount=amount, occurred_on=occurred_on, version=version)
    lock_orders_of(lead.business_id)
    lock_funds_of(lead)
    _check_first_sale(lead)
    if order_number:
        note_order(lead, order_number)
    return sell(lead, amount, occurred_on, source=ConversionSource.LEAD_WON, external_id=order_number or lead.id,
                by=by.id)


def change_stage_by_report(lead: Lead, stage: Stage, *, by: str) -> None:
    """What the business's shop says, where the table has a way there; else it stays where a person put it."""
    if lead.stage is not None and stage in lifecycle.STAGE_MOVES[lead.stage]:
        lifecycle.move_stage(lead, stage, by=by)
        extend_for_activity(lead, by=by)


def sell(
    lead: Lead, amount: Money, occurred_on: date, *, source: ConversionSource, external_id: str, by: str
) -> Conversion:
    """The sale of a lead for which it was checked that it can be sold."""
    lock_funds_of(lead)
    lifecycle.move_stage(lead, Stage.WON, by=by)
    sale = make_sale(lead, amount, occurred_on, source=source, external_id=external_id, by=by)
    if is_disputed(lead.id):
        outbox.promise("note_sale_recorded", lead_id=lead.id)
    return sale


def make_sale(
    lead: Lead, amount: Money, occurred_on: date, *, source: ConversionSource, external_id: str, by: str
) -> Conversion:
    """What a sale earns and what follows it. Who bought was qualified, whether or not anybody had said so."""
    qualify(lead, by=by, sold_as=external_id)
    sale = record_conversion(
        lead, Event(Happening.WON, amount), occurred_on, kind=ConversionKind.SALE, source=source,
        external_id=external_id, amount=amount, by=by)
    promise_what_follows(lead, sale)
    outbox.promise("tell_of_first_sale", lead_id=lead.id)
    if source is not ConversionSource.BUYER_CONFIRMED:
        settle_word(lead)
    return sale


def preview_sale(
    lead: Lead, *, by: User, amount: Money, occurred_on: date, version: int | None = None
) -> list[RewardPreview]:
    """All that win_lead would make, a preview for each event; raises what it would. Nothing is written."""
    check_sale(lead, by=by, amount=amount, occurred_on=occurred_on, version=version)
    _check_first_sale(lead)
    return previews_of_sale(lead, amount)


def previews_of_sale(lead: Lead, amount: Money, *, with_later: bool = False) -> list[RewardPreview]:
    """What ``make_sale`` would earn, event by event; ``with_later``: and the parts that fall due after it."""
    earned, previews = used_up(lead, is_preview=True), []
    days = {rule.after_days or 0 for rule in lead.terms.rules if rule.happening is Happening.LATER}
    for event in [*([Event(Happening.QUALIFIED)] if is_to_qualify(lead) else []), Event(Happening.WON, amount),
                  *(Event(Happening.LATER, amount, after_days=day) for day in sorted(days if with_later else ()))]:
        preview = price_for(lead, event, earned)
        previews.append(preview)
        earned = earned and earned.after(preview)
    return previews


def qualify(lead: Lead, *, by: str, sold_as: str = "") -> Conversion | None:
    """What these terms pay for a qualified lead: once, however often the stage is reached. ``sold_as``: the name of the
    sale by which alone it was."""
    if not is_to_qualify(lead):
        return None
    return record_conversion(lead, Event(Happening.QUALIFIED), clock.now().date(), kind=ConversionKind.QUALIFIED,
                             source=ConversionSource.LEAD_QUALIFIED, external_id=lead.id, sold_as=sold_as, by=by)


def is_to_qualify(lead: Lead) -> bool:
    return (any(rule.happening is Happening.QUALIFIED for rule in lead.terms.rules)
            and not any(one.kind is ConversionKind.QUALIFIED for one in conversions_of(lead)))


def check_sale(lead: Lead, *, by: User, amount: Money, occurred_on: date, version: int | None = None) -> None:
    """Raises what win_lead would: NotOpen, IllegalMove, StaleForm (409), Invalid (currency, amount, day)."""
    _check_may_work(lead, by, version)
    check_move(lifecycle.STAGE_MOVES, lead.stage or Stage.NEW, Stage.WON)
    check_sale_itself(lead, amount, occurred_on)


def check_sale_itself(lead: Lead, amount: Money, occurred_on: date) -> None:
    """Invalid (422) for a currency, an amount or a day that no sale of this lead can have."""
    if amount.currency != lead.terms.currency:
        raise Invalid(f"This bounty is in {lead.terms.currency.upper()}.",
                      fields={"currency": [f"Give the amount in {lead.terms.currency.upper()}."]})
    if amount.minor <= 0:
        raise Invalid("A sale has an amount above zero.", fields={"amount": ["More than zero."]})
    if occurred_on > clock.now().date():
        raise Invalid("That day has not come yet.", fields={"occurred_on": ["Today or earlier."]})
    if lead.accepted_at and occurred_on < lead.accepted_at.date():
        why = f"On or after {day_in_words(lead.accepted_at)}, when it was accepted: no sale before that came from it."
        raise Invalid("A sale before the lead was accepted cannot come from it.", fields={"occurred_on": [why]})


def _check_first_sale(lead: Lead) -> None:
    if bought_elsewhere([lead]):
        raise FirstSaleOnly(
            "The buyer’s first sale there is counted for another lead, and a customer has one.",
            next_step="What they buy later counts there. If all of that sale was given back, record the refund first.")


def _check_may_work(lead: Lead, by: User, version: int | None) -> None:
    require(may_work(by, lead), "work this lead")
    check_version(lead, version)
    if lead.moderation is not Moderation.ACCEPTED:
        raise NotOpen("This lead is closed.", next_step="Look at the others in your pipeline.")
    if not is_introduced(lead):
        raise NotOpen("The buyer has not said yes yet.", next_step="You will hear from us as soon as they do.")


def is_introduced(lead: Lead) -> bool:
    """The buyer said yes, or came to the business by themselves."""
    return lead.is_tracked or lead.consent in {Consent.GRANTED, Consent.WITHDRAWN}


def is_sale_missing(lead: Lead) -> bool:
    """Whether somebody could say that they bought: introduced, not over, and no sale recorded."""
    return lead.moderation is Moderation.ACCEPTED and is_introduced(lead) and find_conversion(lead) is None
