"""Money as programs read it: payments, agreed top-ups, statements."""
from typing import Any

from marshmallow import Schema, fields

from marketplace.foundation.fields import Amount
from marketplace.payments.books.business_statements import BusinessStatement, Part
from marketplace.payments.models import (
    AccountKind,
    FundingState,
    FundingWay,
    PayableState,
    ReversalState,
    TopUpState,
    TransferState,
)


class FundingOutput(Schema):
    id = fields.String()
    business_id = fields.String()
    bounty_id = fields.String(attribute="purpose_id")
    amount = Amount()
    refunded = Amount()
    state = fields.Enum(FundingState, by_value=True)
    way = fields.Enum(FundingWay, by_value=True)
    paid_with = fields.String(allow_none=True)
    failure = fields.String(allow_none=True)
    checkout_url = fields.Function(lambda one: one.checkout_url if one.state is FundingState.OPEN else None, metadata={
        "type": ["string", "null"], "description": "While it is open: Stripe’s page to pay on."})
    created_at = fields.DateTime()
    paid_at = fields.DateTime(allow_none=True)


class TransferOutput(Schema):
    """Money that went to your account at Stripe; ``taken_back`` of it came back since."""

    id = fields.String()
    business_id = fields.String()
    amount = Amount()
    taken_back = Amount()
    state = fields.Enum(TransferState, by_value=True)
    created_at = fields.AwareDateTime()
    sent_at = fields.AwareDateTime(allow_none=True)


class PayableOutput(Schema):
    """A released reward, or a part of one that was set apart: ``id`` is the reward's, or the part's own."""

    id = fields.String()
    business_id = fields.String()
    amount = Amount()
    state = fields.Enum(PayableState, by_value=True)
    transfer_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()


class TakenBackOutput(Schema):
    """``owed`` is what Stripe could not take back so far."""

    id = fields.String()
    amount = Amount()
    owed = Amount(attribute="left")
    state = fields.Enum(ReversalState, by_value=True)
    created_at = fields.AwareDateTime()


class OneTransferOutput(TransferOutput):
    """With what it paid, and what was taken back of it."""

    payables = fields.List(fields.Nested(PayableOutput))
    reversals = fields.List(fields.Nested(TakenBackOutput))


class TopUpOutput(Schema):
    """``amount`` each time, ``monthly`` a calendar month (UTC) at most, ``spent`` of it in this one; null if none."""

    bounty_id = fields.String()
    state = fields.Enum(TopUpState, by_value=True)
    amount = Amount(allow_none=True)
    monthly = Amount(allow_none=True)
    spent = Amount(allow_none=True)
    paused_because = fields.String(allow_none=True)


class MonthsOfCurrency(Schema):
    currency = fields.String()
    months = fields.List(fields.String())


class MonthsOutput(Schema):
    data = fields.List(fields.Nested(MonthsOfCurrency))


class PartOutput(Schema):
    part = fields.Enum(Part, by_value=True)
    amount = Amount()


class KeptOutput(Schema):
    kind = fields.Enum(AccountKind, by_value=True)
    amount = Amount()


class LineOutput(Schema):
    at = fields.DateTime()
    part = fields.Enum(Part, by_value=True)
    amount = Amount()
    about = fields.String()
    entry_id = fields.String()


class BusinessStatementOutput(Schema):
    """``opening`` and all ``lines`` add up to ``closing``; ``kept`` is what that is made of."""

    business_id = fields.String()
    currency = fields.String()
    month = fields.Date(format="%Y-%m", metadata={"format": "", "pattern": r"^\d{4}-\d{2}$"})
    is_running = fields.Boolean()
    opening = Amount()
    closing = Amount()
    parts = fields.Method("_parts", metadata={"type": "array", "items": {"type": "object"}})
    kept = fields.Method("_kept", metadata={"type": "array", "items": {"type": "object"}})
    lines = fields.List(fields.Nested(LineOutput))

    def _parts(self, statement: BusinessStatement) -> Any:
        return PartOutput(many=True).dump([{"part": part, "amount": amount} for part, amount in statement.parts])

    def _kept(self, statement: BusinessStatement) -> Any:
        return KeptOutput(many=True).dump([{"kind": kind, "amount": one} for kind, one in statement.kept.items()])


class SumsOutput(Schema):
    gross = Amount()
    taken_back = Amount()
    net = Amount()


class MonthOutput(SumsOutput):
    month = fields.Integer()


class OfBusinessOutput(SumsOutput):
    business_id = fields.String()
    name = fields.String()
    months = fields.List(fields.Nested(MonthOutput))


class OfCurrencyOutput(SumsOutput):
    currency = fields.String()
    businesses = fields.List(fields.Nested(OfBusinessOutput))


class YearStatementOutput(Schema):
    year = fields.Integer()
    is_running = fields.Boolean()
    currencies = fields.List(fields.Nested(OfCurrencyOutput))
