"""The shapes of disputes that cross HTTP."""
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from marketplace.foundation.fields import Amount, clean_text
from marketplace.foundation.money import CURRENCIES, BadAmount, parse_amount
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.ruling import OUTCOMES
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.disputes.words import frozen_in_words, next_in_words
from marketplace.referrals.models import DisputeKind, DisputeState, WitnessSaid
from marketplace.referrals.reward_schemas import Percent
from marketplace.referrals.schemas import WebAddress

LONGEST = 3000


class _MayHaveMoney(Schema):
    """``amount`` and ``currency`` become Money, where an amount is given."""

    amount = fields.String(metadata={"example": "30000.00"})
    currency = fields.String(load_default="", validate=validate.OneOf(("", *CURRENCIES)))

    @validates_schema(skip_on_field_errors=False)
    def check_amount(self, said: dict[str, Any], **options: object) -> None:
        """Beside whatever else is wrong: nobody sends a form three times to learn of three slips."""
        if said.get("amount") and said.get("currency"):
            try:
                parse_amount(said["amount"], said["currency"])
            except BadAmount as error:
                raise ValidationError({"amount": [f"{error.message} {error.next_step}".strip()]}) from error

    @post_load
    def to_money(self, said: dict[str, Any], **options: object) -> dict[str, Any]:
        text, currency = said.pop("amount", None), said.pop("currency")
        said["amount"] = parse_amount(text, currency) if text and currency else None
        return said


class ClaimInput(_MayHaveMoney):
    """A claim: its kind, what happened, and where it can be seen."""

    kind = fields.Enum(DisputeKind, by_value=True, required=True)
    text = clean_text(20, LONGEST, required=True)
    link = WebAddress(load_default=None, allow_none=True)
    happened_on = fields.Date(load_default=None, allow_none=True)
    about_id = clean_text(0, 60, load_default=None, allow_none=True)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def ask_for_the_sale(self, said: dict[str, Any], sent: dict[str, Any], **options: object) -> None:
        """What the verb would ask for next, at once."""
        kind = said.get("kind")
        if kind is None or not KINDS[kind].has_sale:
            return
        missing = {} if sent.get("amount") else {"amount": ["The value of the sale, about."]}
        if not sent.get("happened_on") and kind is not DisputeKind.WRONG_AMOUNT:
            missing["happened_on"] = ["The day of the sale, about."]
        if missing:
            raise ValidationError(missing)

    @staticmethod
    def claim_in(said: dict[str, Any]) -> Claim:
        return Claim(said["happened_on"], said["amount"], said["about_id"])


class ObjectionInput(Schema):
    text = clean_text(10, LONGEST, required=True)
    link = WebAddress(load_default=None, allow_none=True)
    version = fields.Integer(load_default=None, allow_none=True)


class StatementInput(Schema):
    text = clean_text(3, LONGEST, required=True)
    link = WebAddress(load_default=None, allow_none=True)


class DisputeRulingInput(_MayHaveMoney):
    """An admin's ruling; of a split its share, of a sale what was found."""

    outcome = fields.Enum(DisputeState, by_value=True, required=True,
                          validate=validate.OneOf(OUTCOMES, error="Choose how it ends."))
    reason = clean_text(10, LONGEST, required=True)
    share_percent = Percent(load_default=None, allow_none=True)
    sold_on = fields.Date(load_default=None, allow_none=True)
    version = fields.Integer(load_default=None, allow_none=True)


class WitnessInput(_MayHaveMoney):
    said = fields.Enum(WitnessSaid, by_value=True, required=True)
    bought_on = fields.Date(load_default=None, allow_none=True)
    note = clean_text(0, 1000, load_default="")


class WitnessCorrectionInput(_MayHaveMoney):
    said = fields.Enum(WitnessSaid, by_value=True, required=True)
    bought_on = fields.Date(load_default=None, allow_none=True)
    why = clean_text(3, 1000, required=True)


class StatementOutput(Schema):
    side = fields.String()
    text = fields.String(allow_none=True)
    link = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()


class WitnessOutput(Schema):
    """``is_proven``: from the link in our mail to the address that the buyer had confirmed."""

    said = fields.String()
    bought_on = fields.Date(allow_none=True)
    amount = Amount(allow_none=True)
    is_proven = fields.Boolean()


class DisputeOutput(Schema):
    """``at_issue`` is reward; ``sale`` what was sold for, as claimed; ``share_bps`` what a split gave the claimant;
    ``witness`` what the buyer answered, ``witness_now`` what they say by their last correction, else the same."""

    id = fields.String()
    kind = fields.String()
    state = fields.String()
    lead_id = fields.String()
    business_id = fields.String()
    claimant_side = fields.String()
    respondent_side = fields.String()
    happened_on = fields.Date()
    sale = Amount(allow_none=True)
    at_issue = Amount()
    frozen = fields.Function(frozen_in_words, metadata={"type": "string"})
    next = fields.Function(next_in_words, metadata={"type": "string"})
    due_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    ended_by = fields.String(allow_none=True)
    ruling = fields.String(allow_none=True)
    share_bps = fields.Integer(allow_none=True)
    statements = fields.List(fields.Nested(StatementOutput))
    witness = fields.Nested(WitnessOutput, allow_none=True)
    witness_now = fields.Nested(WitnessOutput, attribute="witness_word", allow_none=True)
    version = fields.Integer()
    created_at = fields.AwareDateTime()
