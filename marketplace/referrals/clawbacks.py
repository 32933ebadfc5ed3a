"""What a refunded sale takes back: p% of the sale, p% of every reward of it, odd units to whose it is."""
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import note_funds_came_free
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money, show_money, zero
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.clawing_back import claw_back, see_left_of
from marketplace.referrals.in_kind import expire_thing
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import (
    Clawback,
    Conversion,
    ConversionKind,
    ConversionState,
    KindState,
    Lead,
    Reward,
    RewardInKind,
    RewardState,
    SaleRefund,
)
from marketplace.referrals.permissions import may_give_money_back
from marketplace.referrals.queries import conversions_of, find_conversion
from marketplace.referrals.reserving import free_what_cannot_be_earned
from marketplace.referrals.returned import Returned
from marketplace.referrals.sale_value import SALES, later_parts, parts_of_sale, stands_on


class RefundTooLarge(Invalid):
    code = "refund_too_large"


class RefundKnown(Conflict):
    code = "refund_known"


def refund_sale(
    lead: Lead, *, by: User, amount: Money, refund_number: str, conversion_id: str | None = None
) -> SaleRefund:
    """Part of the sale (or of the renewal ``conversion_id``) was given back to the buyer.

    RefundKnown (409) when this refund was recorded before.
    """
    require(may_give_money_back(by, lead), "record a refund of this sale")
    return give_back(lead, amount, refund_number=refund_number, conversion_id=conversion_id, by=by.id)


def give_back(
    lead: Lead, amount: Money, *, refund_number: str, conversion_id: str | None = None, by: str
) -> SaleRefund:
    """``refund_sale``, whoever may say so. Refused before anything is written."""
    lock_funds_of(lead)
    conversion = _get_conversion(lead, conversion_id)
    _lock_sale(conversion)
    _refuse_known(conversion, refund_number)
    _check_refund(conversion, amount)
    refund = SaleRefund(conversion_id=conversion.id, external_id=refund_number, amount_minor=amount.minor,
                        recorded_by=by)
    db.session.add(refund)
    conversion.refunded_minor += amount.minor
    db.session.flush()
    audit.record("sale.refunded", conversion.id, by=by, refund=refund.id, amount_minor=amount.minor)
    lowered = _lowered_by(conversion)
    for one in lowered:
        _lower(one, by=by)
    _claw_back_all(lowered, refund, by=by)
    if conversion.state is ConversionState.REVERSED:
        _end_what_followed(lead, conversion, by=by)
    return refund


def catch_up_with_refunds(later: Conversion, *, by: str) -> None:
    """Of a part that fell due after a refund its share is taken back at once: the last refund is named for it."""
    last = db.session.scalar(
        select(SaleRefund).where(SaleRefund.conversion_id.in_([one.id for one in stands_on(later)]))
        .order_by(SaleRefund.id.desc()).limit(1))
    if last is not None:
        part = _Lowered(later, stands_on(later))
        _lower(part, by=by)
        _claw_back_all([part], last, by=by)


@dataclass(frozen=True)
class _Lowered:
    """A conversion that refunds lower, and what it stands on: itself; of a later part, its sale as it was by then."""

    conversion: Conversion
    on: Sequence[Conversion]

    def share(self, more: int = 0) -> tuple[int, int]:
        """So much is given back, with ``more``, of so much."""
        return sum(one.refunded_minor for one in self.on) + more, sum(one.amount_minor for one in self.on)


def _lowered_by(conversion: Conversion) -> list[_Lowered]:
    """By a refund of this one: itself, and the later parts that stand and fall with it."""
    sale_id = conversion.sale_id if conversion.kind is ConversionKind.CORRECTION else conversion.id
    parts = [_Lowered(later, stands_on(later)) for later in later_parts(str(sale_id))]
    return [_Lowered(conversion, [conversion]), *(part for part in parts if conversion in part.on)]


def _lower(part: _Lowered, *, by: str) -> None:
    refunded, whole = part.share()
    lifecycle.move_conversion(
        part.conversion, ConversionState.REVERSED if refunded == whole else ConversionState.PARTIALLY_REVERSED, by=by)


def _end_what_followed(lead: Lead, conversion: Conversion, *, by: str) -> None:
    """All of it was given back: nothing more can come of the sale, and what is owed in kind is owed no more."""
    ids = [conversion.id]
    if conversion.kind in SALES:
        parts = parts_of_sale(conversion.sale_id or conversion.id)
        if any(one.state is not ConversionState.REVERSED for one in parts):
            return
        ids = [one.id for one in (*parts, *later_parts(parts[0].id))]
    for owed in db.session.scalars(select(RewardInKind).where(
            RewardInKind.conversion_id.in_(ids), RewardInKind.state == KindState.OWED)).all():
        expire_thing(owed, by=by, why="The whole sale was refunded.")
    free_what_cannot_be_earned(lead, why="the whole sale was refunded")


@dataclass(frozen=True)
class WouldReturn(Returned):
    """``is_cut``: the share of the refund is more than that, but an admin had taken the rest of the reward before."""

    is_cut: bool = False


def preview_clawback(lead: Lead, amount: Money, *, by: User, conversion_id: str | None = None) -> WouldReturn:
    """What a refund of ``amount`` would take back of all rewards. Refuses what refund_sale would refuse."""
    require(may_give_money_back(by, lead), "record a refund of this sale")
    return would_return(lead, amount, conversion_id=conversion_id)


def would_return(lead: Lead, amount: Money, *, conversion_id: str | None = None) -> WouldReturn:
    """``preview_clawback``, whoever asks. What was taken by hand does not come back a second time."""
    conversion = _get_conversion(lead, conversion_id)
    _check_refund(conversion, amount)
    lowered, of_reward, of_fee = _lowered_by(conversion), zero(conversion.currency), zero(conversion.currency)
    shares, is_cut = {part.conversion.id: part.share(more=amount.minor) for part in lowered}, False
    for reward in db.session.scalars(_live_rewards(lowered)).all():
        (back, fee), (left, fee_left) = _due(reward, shares[reward.conversion_id]), see_left_of(reward)
        of_reward, of_fee, is_cut = of_reward + min(back, left), of_fee + min(fee, fee_left), is_cut or back > left
    return WouldReturn(of_reward, of_fee, is_cut)


def _due(reward: Reward, share: tuple[int, int]) -> tuple[Money, Money]:
    """What to take back of reward and fee once so much, of so much, of the sale is refunded in all.

    Counted from the whole each time and rounded down, so that many small refunds take no cent more than one large.
    """
    return (_still_due(reward.amount, [(one.amount_minor, one) for one in reward.clawbacks], *share),
            _still_due(reward.fee, [(one.fee_minor, one) for one in reward.clawbacks], *share))


def _still_due(whole: Money, taken: list[tuple[int, Clawback]], refunded_minor: int, of_minor: int) -> Money:
    """What a ruling took was not earned: a refund takes its share of the rest. Never less than nothing."""
    earned = left = whole.minor
    for minor, clawback in taken:
        if clawback.dispute_id is not None and left:
            earned -= earned * minor // left
        left -= minor
    stays = earned - Money(earned, whole.currency).part(refunded_minor, of_minor).minor
    return Money(max(left - stays, 0), whole.currency)


def _get_conversion(lead: Lead, conversion_id: str | None) -> Conversion:
    if conversion_id is None:
        conversion = find_conversion(lead)
    else:
        conversion = next((one for one in conversions_of(lead) if one.id == conversion_id and one.amount_minor), None)
    if conversion is None:
        raise Conflict("There is no sale to refund.", next_step="Record the sale first.")
    return conversion


def _lock_sale(conversion: Conversion) -> None:
    """A later part that falls due at this moment waits, or is seen."""
    db.session.refresh(conversion, with_for_update={"key_share": True})


def _live_rewards(lowered: list[_Lowered]) -> Select[Reward]:
    return select(Reward).where(Reward.conversion_id.in_([part.conversion.id for part in lowered]),
                                Reward.state != RewardState.VOIDED)


def _refuse_known(conversion: Conversion, refund_number: str) -> None:
    known = db.session.scalar(select(SaleRefund.id).where(
        SaleRefund.conversion_id == conversion.id, SaleRefund.external_id == refund_number))
    if known is not None:
        raise RefundKnown("This refund has been recorded already.", next_step="Give each refund its own number.")


def _check_refund(conversion: Conversion, amount: Money) -> None:
    if amount.currency != conversion.currency or amount.minor <= 0:
        raise Invalid("Give the refunded amount in the currency of the sale.",
                      fields={"amount": [f"More than zero, in {conversion.currency.upper()}."]})
    left = conversion.amount - Money(conversion.refunded_minor, conversion.currency)
    if amount > left:
        raise RefundTooLarge(f"No more than {show_money(left)} of this sale is left to refund.",
                             fields={"amount": [f"At most {show_money(left)}."]})


def _claw_back_all(lowered: list[_Lowered], refund: SaleRefund, *, by: str) -> None:
    """Of the rewards as they are now, until this transaction ends: a release at the same moment waits, or is seen."""
    shares = {part.conversion.id: part.share() for part in lowered}
    for reward in db.session.scalars(
            _live_rewards(lowered).order_by(Reward.id).with_for_update(key_share=True)
            .execution_options(populate_existing=True)).all():
        _claw_back(reward, shares[reward.conversion_id], refund, by=by)


def _claw_back(reward: Reward, share: tuple[int, int], refund: SaleRefund, *, by: str) -> None:
    amount, fee = _due(reward, share)
    if amount.minor <= 0 and fee.minor <= 0:
        return
    clawback = claw_back(reward, amount, fee, by=by, sale_refund_id=refund.id, why="The whole sale was refunded.")
    # The fee did, even while Stripe is asked for the rest.
    note_funds_came_free(db.session.get_one(Bounty, reward.bounty_id))
    if amount.minor:
        outbox.promise("send_letter", letter="reward_clawed_back", clawback_id=clawback.id)
