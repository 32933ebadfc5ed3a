"""The shapes of what a lead earns: renewals, splits, choices, rewards in kind; the same for forms and JSON."""
import re
from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_dump, validate

from marketplace.bounties.models import For
from marketplace.bounties.rule_words import percent_text
from marketplace.foundation.fields import Amount, EmailAddress, clean_text
from marketplace.referrals.models import Choice, Conversion, Reward, Split
from marketplace.referrals.reward_words import reward_next, thing_next
from marketplace.referrals.schemas import MoneyInput
from marketplace.referrals.sharing import MOST_PARTS
from marketplace.referrals.waiting import Among, look_among

ROWS = range(1, MOST_PARTS + 1)  # Of the form.


class Percent(fields.String):
    """A percentage with two decimals at most, as basis points."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = (super()._deserialize(value, attr, data, **options) or "").strip().rstrip("%").strip()
        if not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", text, re.ASCII):
            raise ValidationError("Write a percentage like 25 or 33.33.")
        whole, _, rest = text.partition(".")
        return int(whole) * 100 + int(rest.ljust(2, "0") or 0)


class PartInput(Schema):
    email = EmailAddress(required=True)
    percent = Percent(required=True, metadata={"example": "25"})


class SplitInput(Schema):
    """How a reward is shared: your own part and the others', which add up to 100."""

    own_percent = Percent(required=True, metadata={"example": "50"})
    parts = fields.List(fields.Nested(PartInput), required=True)

    @post_load
    def to_shares(self, said: dict[str, Any], **options: object) -> dict[str, Any]:
        return {"own_bps": said["own_percent"], "others": [(part["email"], part["percent"]) for part in said["parts"]]}


class SplitForm(Schema.from_dict({  # type: ignore[misc]
    **{f"email_{row}": EmailAddress() for row in ROWS}, **{f"percent_{row}": Percent() for row in ROWS}})):
    """The same as rows of a form; empty ones are left out."""

    own_percent = Percent(required=True)

    @post_load
    def to_shares(self, said: dict[str, Any], **options: object) -> dict[str, Any]:
        half = [row for row in ROWS if (f"email_{row}" in said) != (f"percent_{row}" in said)]
        if half:
            raise ValidationError({f"email_{half[0]}": ["Give both an address and a percentage."]})
        return {"own_bps": said["own_percent"], "others": [
            (said[f"email_{row}"], said[f"percent_{row}"]) for row in ROWS if f"email_{row}" in said]}


class SecondShareInput(Schema):
    """A share for the referrer who pointed at the same buyer later; what is left of 100 is theirs."""

    second_id = clean_text(1, 60, required=True)
    own_percent = Percent(required=True)

    @post_load
    def to_share(self, said: dict[str, Any], **options: object) -> dict[str, Any]:
        return {"second_id": said["second_id"], "own_bps": said["own_percent"]}


class AgreementInput(Schema):
    agrees = fields.Boolean(required=True)


class RenewalInput(MoneyInput):
    """A renewal of what was sold: amount without taxes, currency, day, your order number."""

    occurred_on = fields.Date(required=True)
    order_number = clean_text(1, 100, required=True, metadata={"description": "Each one counts once."})


class ShareInput(Schema):
    """The buyer's choice on their private page; money is taken by signing in."""

    reward_id = clean_text(1, 60, required=True)
    choice = fields.Enum(Choice, by_value=True, required=True)


class ThingInput(Schema):
    """What the buyer says on their private page of a reward that is not money."""

    kind_id = clean_text(1, 60, required=True)
    say = fields.String(required=True, validate=validate.OneOf(("thanks", "no")))


class OfferInput(Schema):
    offer = clean_text(3, 1000, required=True, metadata={"description": "How to have it: a code, a day, an address."})


class ReceiptInput(Schema):
    receipt = clean_text(3, 1000, required=True, metadata={
        "description": "What was done, and when; or the address of a receipt."})


class PartOutput(Schema):
    percent = fields.Function(lambda part: percent_text(part.share_bps).rstrip("%"), metadata={"type": "string"})
    state = fields.String()
    answered_at = fields.AwareDateTime(allow_none=True)


class SplitOutput(Schema):
    """``parts`` are the others', in the order given; their addresses are not shown again."""

    id = fields.String()
    lead_id = fields.String()
    own_percent = fields.Function(lambda split: percent_text(split.own_bps).rstrip("%"), metadata={"type": "string"})
    state = fields.String()
    parts = fields.List(fields.Nested(PartOutput))


class KindOutput(Schema):
    """A reward that is not money."""

    id = fields.String()
    lead_id = fields.String()
    business_id = fields.String()
    whom = fields.Enum(For, by_value=True)
    thing = fields.String()
    words = fields.String()
    state = fields.String()
    receipt = fields.String(allow_none=True)
    expires_at = fields.AwareDateTime()
    next = fields.Function(thing_next, metadata={"type": "string"})


class OwnKindOutput(KindOutput):
    """With what only those read whom it concerns: how to have it, a code perhaps."""

    offer = fields.String(allow_none=True)


class SeenReward:
    """A reward, what happens next with it, and what really moved of it, whoever took it back."""

    def __init__(self, reward: Reward, among: Among) -> None:
        self.reward, self.next = reward, reward_next(reward, None, among)
        self.clawed_back, self.net = among.back[reward.id].taken, among.back[reward.id].left

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reward, name)


def see_rewards(rewards: Sequence[Reward]) -> list[Any]:
    """As many statements for a hundred as for one."""
    among = look_among(rewards)
    return [SeenReward(reward, among) for reward in rewards]


class RewardOutput(Schema):
    """``part`` says which conversion earned it; ``whom`` it is for; ``choice`` is the buyer's. ``clawed_back`` is what
    was taken back of it, by refunds, disputes and admins; ``net`` what is left.
    """

    id = fields.String()
    lead_id = fields.String()
    business_id = fields.String()
    part = fields.String()
    number = fields.Integer()
    whom = fields.Enum(For, by_value=True)
    choice = fields.String(allow_none=True)
    choice_due_at = fields.AwareDateTime(allow_none=True)
    amount = Amount()
    clawed_back = Amount()
    net = Amount()
    state = fields.String()
    void_reason = fields.String(allow_none=True)
    release_at = fields.AwareDateTime()
    created_at = fields.AwareDateTime()
    next = fields.String()

    @pre_dump(pass_collection=True)
    def see(self, shown: Any, *, many: bool, **options: Any) -> Any:
        """Lists of what has rewards see them all at once; the rest is seen here."""
        rewards = list(shown) if many else [shown]
        seen = rewards if all(isinstance(one, SeenReward) for one in rewards) else see_rewards(rewards)
        return seen if many else seen[0]


class ConversionOutput(Schema):
    """``amount`` is null where the event has no value of its own: a qualified lead, a later part."""

    id = fields.String()
    lead_id = fields.String()
    kind = fields.String()
    number = fields.Integer()
    amount = Amount(allow_none=True)
    occurred_on = fields.Date()
    external_id = fields.String()
    state = fields.String()
    rewards = fields.Nested(RewardOutput, many=True)
    in_kind = fields.List(fields.Nested(KindOutput))


def shown_conversion(conversion: Conversion, rewards: Sequence[Any], in_kind: list[Any]) -> dict[str, Any]:
    """As ConversionOutput has it; of all rewards of the lead, those of this conversion."""
    plain: dict[str, Any] = {name: getattr(conversion, name) for name in (
        "id", "lead_id", "kind", "number", "occurred_on", "external_id", "state")}
    return {**plain, "amount": conversion.amount if conversion.amount_minor else None,
            "rewards": [reward for reward in rewards if reward.conversion_id == conversion.id],
            "in_kind": [thing for thing in in_kind if thing.conversion_id == conversion.id]}


def typed_split(split: Split | None) -> dict[str, str]:
    """A split as the text of the form's fields."""
    if split is None:
        return {}
    typed = {"own_percent": percent_text(split.own_bps).rstrip("%")}
    for row, part in zip(ROWS, (one for one in split.parts if not one.second_id), strict=False):
        typed |= {f"email_{row}": part.email, f"percent_{row}": percent_text(part.share_bps).rstrip("%")}
    return typed
