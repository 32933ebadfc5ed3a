"""The shapes of conversions that come in, the same for forms and JSON."""
from datetime import UTC, datetime, time
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from marketplace.foundation import clock
from marketplace.foundation.fields import Amount, EmailAddress, clean_text
from marketplace.foundation.money import CURRENCIES, BadAmount, parse_amount
from marketplace.referrals.models import ConversionSource
from marketplace.referrals.reward_schemas import RewardOutput
from marketplace.tracking.models import ReportKind
from marketplace.tracking.reported import LONGEST_ID, Reported

AT_ONCE = 1_000
PERSONAL = frozenset({"customer", "email", "click"})  # Never kept as they came.


class ReportedInput(Schema):
    """One event. ``external_id`` is your own name for it: sent twice it is counted once."""

    external_id = clean_text(1, LONGEST_ID, required=True, metadata={"example": "order-1001"})
    kind = fields.Enum(ReportKind, by_value=True, load_default=ReportKind.SALE, metadata={
        "description": "lead: known by name. sign_up: what your terms call qualified. sale, renewal, refund: money."})
    amount = fields.String(metadata={
        "description": "Of a sale, a renewal, a refund: decimal text, without taxes and shipping.", "example": "49.00"})
    currency = fields.String(validate=validate.OneOf(tuple(CURRENCIES)), metadata={
        "description": "That of the bounty. Nothing is converted."})
    at = fields.AwareDateTime(default_timezone=UTC, metadata={
        "description": "When it happened; now unless said.", "example": "2026-11-22T14:30:00Z"})
    customer = clean_text(1, 200, metadata={
        "description": "Your own id for the customer. Kept scrambled, to know them again.", "example": "cus_4711"})
    email = EmailAddress(metadata={"description": "Their address: scrambled at once, never kept."})
    click = clean_text(0, 100, metadata={"description": "The id that came along in the address, as fp_click."})
    code = clean_text(0, 100, metadata={"description": "The code they said or typed.", "example": "ANA-WESTSIDE"})
    lead_id = clean_text(1, 60, metadata={"description": "A lead of yours, if you know which it is."})
    refund_of = clean_text(1, LONGEST_ID, metadata={"description": "Of a refund: the external id of its sale."})

    @post_load
    def to_reported(self, said: dict[str, Any], **options: object) -> Reported:
        raw = {name: said[name].isoformat() if isinstance(said[name], datetime) else str(said[name])
               for name in said if name not in PERSONAL}
        amount, currency = said.pop("amount", None), said.pop("currency", None)
        if amount is not None:
            if currency is None:
                raise ValidationError({"currency": ["Say in which currency."]})
            try:
                said["amount"] = parse_amount(amount, currency)
            except BadAmount as error:
                raise ValidationError({"amount": [f"{error.message} {error.next_step}".strip()]}) from error
        return Reported(**{name: value for name, value in said.items() if value != ""}, raw=raw)


class BatchInput(Schema):
    """Up to a thousand events: each is taken or refused by itself."""

    conversions = fields.List(fields.Dict(), required=True, validate=validate.Length(1, AT_ONCE), metadata={
        "description": "Each as for one conversion."})
    business_id = clean_text(1, 60, metadata={"description": "Needed where you work for several businesses."})


class OneInput(ReportedInput):
    """One event, and whose it is where you work for several businesses."""

    business_id = clean_text(1, 60, load_default=None, allow_none=True)

    @post_load
    def to_reported(self, said: dict[str, Any], **options: object) -> dict[str, Any]:
        business_id = said.pop("business_id", None)
        return {"business_id": business_id, "said": super().to_reported(said)}


class ByHandInput(Schema):
    """What a member types in."""

    kind = fields.Enum(ReportKind, by_value=True, required=True)
    external_id = clean_text(1, LONGEST_ID, required=True)
    amount = fields.String()
    currency = fields.String(validate=validate.OneOf(tuple(CURRENCIES)))
    occurred_on = fields.Date(required=True)
    customer = clean_text(0, 200)
    email = EmailAddress()
    code = clean_text(0, 100)
    refund_of = clean_text(0, LONGEST_ID)

    @post_load
    def to_reported(self, said: dict[str, Any], **options: object) -> dict[str, Reported]:
        day, today = said.pop("occurred_on"), clock.now().date()
        if day > today:
            raise ValidationError({"occurred_on": ["Today or earlier."]})
        said["at"] = None if day == today else datetime.combine(day, time(23, 59), UTC)
        if said["kind"] in {ReportKind.LEAD, ReportKind.SIGN_UP}:
            said.pop("amount", None)
        if said["kind"] is not ReportKind.REFUND:
            said.pop("refund_of", None)
        return {"said": ReportedInput().to_reported({name: one for name, one in said.items() if one is not None})}


class ReasonInput(Schema):
    """Whom an admin credits instead: their code, and why."""

    code = clean_text(1, 100, required=True)
    reason = clean_text(10, 1000, required=True)


class ReportOutput(Schema):
    """A conversion as it was reported, and what became of it. ``why`` says in words how it was decided whose it is."""

    id = fields.String(attribute="report.id")
    external_id = fields.String(allow_none=True, metadata={"description": "Null for the referrer."})
    source = fields.Enum(ConversionSource, by_value=True, attribute="report.source")
    kind = fields.Enum(ReportKind, by_value=True, attribute="report.kind")
    state = fields.String(metadata={"description": (
        "received, unmatched, matched, pending, approved, partially_reversed, reversed, duplicate, rejected, "
        "disputed")})
    reason = fields.String(allow_none=True, metadata={"description": "Why it waits, or was not counted: a code."})
    why = fields.List(fields.String(), attribute="reasons")
    amount = Amount(attribute="report.amount", allow_none=True)
    refund_of = fields.String(allow_none=True)
    business_id = fields.String(attribute="report.business_id")
    lead_id = fields.String(attribute="report.lead_id", allow_none=True)
    conversion_id = fields.String(attribute="report.conversion_id", allow_none=True)
    happened_at = fields.AwareDateTime(attribute="report.happened_at")
    received_at = fields.AwareDateTime(attribute="report.created_at")
    rewards = fields.Nested(RewardOutput, many=True)


class ProblemOutput(Schema):
    code = fields.String()
    message = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))


class ItemOutput(Schema):
    """Of one item either the conversion or the problem."""

    external_id = fields.String(allow_none=True)
    conversion = fields.Nested(ReportOutput, allow_none=True)
    problem = fields.Nested(ProblemOutput, allow_none=True)


class BatchOutput(Schema):
    taken = fields.Integer()
    refused = fields.Integer()
    results = fields.List(fields.Nested(ItemOutput), metadata={"description": "In the order of the items."})
