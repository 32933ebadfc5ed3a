"""What people send about money: an amount to pay in, the country they are paid in."""
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from marketplace.foundation.fields import clean_text
from marketplace.foundation.money import BadAmount, parse_amount, refuse_odd, show_money
from marketplace.payments.models import OrderCause
from marketplace.payments.money_in.funding import minimum_funding
from marketplace.payments.money_out.countries import COUNTRIES


class FundingInput(Schema):
    """``amount`` as people write it, in the one ``currency`` of what it is for; loads as ``{"amount": Money}``."""

    amount = fields.String(required=True, validate=validate.Length(max=40),
                           error_messages={"required": "Say how much."})
    currency = fields.String(load_default="")
    keeps_card = fields.Boolean(load_default=False, metadata={"description": "Keep the card for agreed top-ups."})

    def __init__(self, in_currency: str) -> None:
        super().__init__()
        self.in_currency = in_currency

    @validates_schema(skip_on_field_errors=True)
    def check_amount(self, given: dict[str, Any], **options: Any) -> None:
        if given["currency"].lower() not in {"", self.in_currency}:
            raise ValidationError({"amount": [f"This is funded in {self.in_currency.upper()} only."]})
        try:
            amount = parse_amount(given["amount"], self.in_currency)
            refuse_odd(amount)
        except BadAmount as bad:
            raise ValidationError({"amount": [f"{bad.message} {bad.next_step}".strip()]}) from bad
        least = minimum_funding(self.in_currency)
        if amount < least:
            raise ValidationError({"amount": [f"At least {show_money(least)}."]})

    @post_load
    def as_money(self, given: dict[str, Any], **options: Any) -> dict[str, Any]:
        return {"amount": parse_amount(given["amount"], self.in_currency), "keeps_card": given["keeps_card"]}


class TopUpInput(FundingInput):
    """``amount`` each time and ``monthly`` at most; ``agrees`` is the person's yes to being charged alone."""

    monthly = fields.String(required=True, validate=validate.Length(max=40),
                            error_messages={"required": "Say how much a month at most."})
    agrees = fields.Boolean(load_default=False)

    @validates_schema(skip_on_field_errors=True)
    def check_month(self, given: dict[str, Any], **options: Any) -> None:
        try:
            parse_amount(given["monthly"], self.in_currency)
        except BadAmount as bad:
            raise ValidationError({"monthly": [f"{bad.message} {bad.next_step}".strip()]}) from bad
        if not given["agrees"]:
            raise ValidationError({"agrees": ["Without your agreement nothing is charged."]})

    @post_load
    def as_money(self, given: dict[str, Any], **options: Any) -> dict[str, Any]:
        return {name: parse_amount(given[name], self.in_currency) for name in ("amount", "monthly")}


class PayeeInput(Schema):
    country = fields.String(
        required=True, validate=validate.OneOf(sorted(COUNTRIES), error="Choose a country from the list."),
        error_messages={"required": "Choose a country from the list."})


class WriteOffInput(Schema):
    """Why nobody will pay; kept in the audit trail."""

    reason = clean_text(5, 500, required=True, error_messages={"required": "Say why."})


class ExplanationInput(Schema):
    """What a difference between our books and Stripe's was; kept with it."""

    reason = clean_text(1, 1_000, required=True, error_messages={"required": "Write a sentence."})


class AdoptionInput(ExplanationInput):
    """``payables``: the ids of what the transfer paid."""

    payables = fields.List(fields.String(), attribute="payable_ids", load_default=list)


class ReversalInput(WriteOffInput):
    """``amount`` in the transfer's currency; loads as Money."""

    amount = fields.String(required=True, validate=validate.Length(max=40),
                           error_messages={"required": "Say how much."})
    cause = fields.Enum(OrderCause, by_value=True, required=True,
                        error_messages={"required": "Choose why.", "unknown": "Choose why."})

    def __init__(self, in_currency: str) -> None:
        super().__init__()
        self.in_currency = in_currency

    @post_load
    def as_money(self, given: dict[str, Any], **options: Any) -> dict[str, Any]:
        try:
            return {**given, "amount": parse_amount(given["amount"], self.in_currency)}
        except BadAmount as bad:
            raise ValidationError({"amount": [bad.message]}) from bad
