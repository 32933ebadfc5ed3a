"""What leads earn, for programs: conversions, renewals, splits, rewards in money and in kind."""
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from marketplace.foundation.idempotency import once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.paging import Page, PageQuery, page
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.referrals import afterwards, in_kind, sharing
from marketplace.referrals.contact import SeenLead
from marketplace.referrals.models import KindState, Lead, Reward, RewardInKind, RewardState, Split
from marketplace.referrals.output_schemas import LeadOutput
from marketplace.referrals.queries import conversions_of, get_lead, get_reward, rewards_of_lead, rewards_visible_to
from marketplace.referrals.reward_schemas import (
    AgreementInput,
    ConversionOutput,
    KindOutput,
    OfferInput,
    OwnKindOutput,
    ReceiptInput,
    RenewalInput,
    RewardOutput,
    SplitInput,
    SplitOutput,
    see_rewards,
    shown_conversion,
)

bp = Blueprint("earnings", __name__, url_prefix="/api/v1", description="What leads earned, and what becomes of it")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


class RewardQuery(PageQuery):
    state = fields.Enum(RewardState, by_value=True, load_default=None)
    lead_id = fields.String(load_default=None)
    business_id = fields.String(load_default=None)


class KindQuery(PageQuery):
    state = fields.Enum(KindState, by_value=True, load_default=None)
    lead_id = fields.String(load_default=None)
    business_id = fields.String(load_default=None)


class RewardPage(Schema):
    data = fields.Nested(RewardOutput, many=True, attribute="rows")
    next_cursor = fields.String(allow_none=True)


class ConversionList(Schema):
    data = fields.List(fields.Nested(ConversionOutput))


class KindPage(Schema):
    data = fields.List(fields.Nested(OwnKindOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


class SplitPage(Schema):
    data = fields.List(fields.Nested(SplitOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


def _mine(lead_id: str) -> Lead:
    return get_lead(lead_id, seen_by=signed_in_user())


@bp.get("/rewards")
@require_scope("rewards:read")
@bp.arguments(RewardQuery, location="query")
@bp.response(200, RewardPage)
def list_rewards(asked: dict[str, Any]) -> Page[Reward]:
    """What you earned, and what your businesses pay; newest first."""
    found = rewards_visible_to(signed_in_user())
    for name in ("state", "lead_id", "business_id"):
        if asked[name] is not None:
            found = found.where(getattr(Reward, name) == asked[name])
    return page(found, Reward.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/rewards/<reward_id>")
@require_scope("rewards:read")
@bp.response(200, RewardOutput)
def read_reward(reward_id: str) -> Reward:
    """One reward: what it is for, how much is left of it, what happens next."""
    return get_reward(reward_id, seen_by=signed_in_user())


@bp.get("/leads/<lead_id>/conversions")
@require_scope("leads:read")
@bp.response(200, ConversionList)
def list_conversions(lead_id: str) -> dict[str, Any]:
    """All that this lead was paid for, oldest first: which part, how much, to whom it goes, what happens next."""
    lead = _mine(lead_id)
    rewards, things = see_rewards(rewards_of_lead(lead)), in_kind.things_of_lead(lead)
    return {"data": [shown_conversion(one, rewards, things) for one in conversions_of(lead)]}


@bp.post("/leads/<lead_id>/renewals")
@require_scope("leads:write")
@once
@bp.arguments(RenewalInput)
@bp.response(201, ConversionOutput)
def create_renewal(written: dict[str, Any], lead_id: str) -> dict[str, Any]:
    """Members: the buyer renewed. Refused, with the reason, beyond what the terms pay for."""
    lead = _mine(lead_id)
    renewal = afterwards.record_renewal(lead, by=signed_in_user(), **written)
    return shown_conversion(renewal, rewards_of_lead(lead), in_kind.things_of_lead(lead))


@bp.post("/leads/<lead_id>/renewals-end")
@require_scope("leads:write")
@once
@bp.response(201, LeadOutput)
def create_renewals_end(lead_id: str) -> SeenLead:
    """Members: no renewal follows any more; what was kept for them comes free, and the referrer is told."""
    lead = _mine(lead_id)
    afterwards.stop_renewals(lead, by=signed_in_user())
    return SeenLead(lead, by=signed_in_user())


@bp.post("/leads/<lead_id>/splits")
@require_scope("leads:write")
@once
@bp.arguments(SplitInput)
@bp.response(201, SplitOutput)
def create_split(written: dict[str, Any], lead_id: str) -> Split:
    """Share what your lead earns; it counts once everybody named has agreed."""
    return sharing.propose_split(_mine(lead_id), by=signed_in_user(), **written)


@bp.get("/splits")
@require_scope("leads:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, SplitPage)
def list_splits(asked: dict[str, Any]) -> Page[Split]:
    """Those that you proposed, and those that name you; newest first."""
    return page(sharing.splits_visible_to(signed_in_user()), Split.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/splits/<split_id>")
@require_scope("leads:read")
@bp.response(200, SplitOutput)
def read_split(split_id: str) -> Split:
    """One split: whose part is how much, and who has agreed."""
    return sharing.get_split(split_id, seen_by=signed_in_user())


@bp.post("/splits/<split_id>/answers")
@require_scope("leads:write")
@once
@bp.arguments(AgreementInput)
@bp.response(201, SplitOutput)
def create_split_answer(written: dict[str, Any], split_id: str) -> Split:
    """Agree to a split that names you, or say no to it."""
    split = sharing.get_split(split_id, seen_by=signed_in_user())
    sharing.answer_split(split, by=signed_in_user(), **written)
    return split


@bp.post("/splits/<split_id>/withdrawal")
@require_scope("leads:write")
@once
@bp.response(201, SplitOutput)
def create_split_withdrawal(split_id: str) -> Split:
    """Take your split back before everybody has agreed."""
    split = sharing.get_split(split_id, seen_by=signed_in_user())
    sharing.withdraw_split(split, by=signed_in_user())
    return split


@bp.get("/rewards-in-kind")
@require_scope("rewards:read")
@bp.arguments(KindQuery, location="query")
@bp.response(200, KindPage)
def list_rewards_in_kind(asked: dict[str, Any]) -> Page[RewardInKind]:
    """What you are owed that is not money, and what your businesses owe; newest first."""
    things = in_kind.things_visible_to(signed_in_user()).order_by(None)
    for name in ("state", "lead_id", "business_id"):
        if asked[name] is not None:
            things = things.where(getattr(RewardInKind, name) == asked[name])
    return page(things, RewardInKind.id, cursor=asked["cursor"], size=asked["limit"])


@bp.get("/rewards-in-kind/<kind_id>")
@require_scope("rewards:read")
@bp.response(200, OwnKindOutput)
def read_reward_in_kind(kind_id: str) -> RewardInKind:
    """One of them, with how to have it."""
    return in_kind.get_thing(kind_id, seen_by=signed_in_user())


@bp.post("/rewards-in-kind/<kind_id>/offers")
@require_scope("leads:write")
@once
@bp.arguments(OfferInput)
@bp.response(201, KindOutput)
def create_offer(written: dict[str, Any], kind_id: str) -> RewardInKind:
    """Members: how to have it."""
    thing = in_kind.get_thing(kind_id, seen_by=signed_in_user())
    in_kind.offer_thing(thing, by=signed_in_user(), **written)
    return thing


@bp.post("/rewards-in-kind/<kind_id>/fulfilment")
@require_scope("leads:write")
@once
@bp.arguments(ReceiptInput)
@bp.response(201, KindOutput)
def create_fulfilment(written: dict[str, Any], kind_id: str) -> RewardInKind:
    """Members: it is done. A donation frees the money that is held for it."""
    thing = in_kind.get_thing(kind_id, seen_by=signed_in_user())
    in_kind.fulfil_thing(thing, by=signed_in_user(), **written)
    return thing


@bp.post("/rewards-in-kind/<kind_id>/thanks")
@require_scope("leads:write")
@once
@bp.response(201, KindOutput)
def create_thanks(kind_id: str) -> RewardInKind:
    """Whoever it was for: thank you."""
    thing = in_kind.get_thing(kind_id, seen_by=signed_in_user())
    in_kind.acknowledge_thing(thing, by=signed_in_user())
    return thing


@bp.post("/rewards-in-kind/<kind_id>/refusal")
@require_scope("leads:write")
@once
@bp.response(201, KindOutput)
def create_refusal(kind_id: str) -> RewardInKind:
    """Whoever it is for: no, thank you. Before it was offered."""
    thing = in_kind.get_thing(kind_id, seen_by=signed_in_user())
    in_kind.decline_thing(thing, by=signed_in_user())
    return thing


@bp.post("/rewards-in-kind/<kind_id>/forgiveness")
@require_scope("leads:write")
@once
@bp.response(201, KindOutput)
def create_forgiveness(kind_id: str) -> RewardInKind:
    """Whoever it is for: the business owes it no more. Before it was offered."""
    thing = in_kind.get_thing(kind_id, seen_by=signed_in_user())
    in_kind.forgive_thing(thing, by=signed_in_user())
    return thing
