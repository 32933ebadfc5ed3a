"""What people send about money: an amount to pay in, the country they are paid in."""
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from marketplace.foundation.money import BadAmount, parse_amount, refuse_odd, show_money
from marketplace.payments.money_in.funding import minimum_funding
from marketplace.payments.money_out.countries import COUNTRIES


class FundingInput(Schema):
    """``amount`` as people write it, in the one ``currency`` of what it is for; loads as ``{"amount": Money}``."""

    amount = fields.String(required=True, validate=validate.Length(max=40),
                           error_messages={"required": "Say how much."})
    currency = fields.String(load_default="")

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
        return {"amount": parse_amount(given["amount"], self.in_currency)}


class PayeeInput(Schema):
    country = fields.String(
        required=True, validate=validate.OneOf(sorted(COUNTRIES), error="Choose a country from the list."),
        error_messages={"required": "Choose a country from the list."})
