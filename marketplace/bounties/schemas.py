"""The shapes of bounties that cross HTTP, the same for forms and JSON. No database in here."""
import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from marketplace.bounties.models import Category, RewardKind, Terms
from marketplace.bounties.preview import plain_terms, reward_in_words
from marketplace.bounties.rule_words import percent_text
from marketplace.bounties.rules import highest_reward
from marketplace.foundation.fields import Amount, Lines, clean_text
from marketplace.foundation.money import CURRENCIES, main_units, parse_amount, plain_amount, refuse_odd, show_money

HOLD_DAYS = (0, 7, 14, 30, 60, 90)
PROTECTION_DAYS = (30, 60, 90, 120, 180)
CONSENT_DAYS = (7, 14, 30)
EVIDENCE_DAYS = (7, 14, 30, 60, 90)
SMALLEST_REWARD = 1  # Of the currency's main unit.


class BountyInput(Schema):
    """A bounty as its business writes it. Amounts are decimal text in the main unit ("1000.00")."""

    title = clean_text(8, 120, required=True, metadata={"example": "Introduce a car buyer to Westside Auto"})
    offer = clean_text(20, 4000, required=True)
    category = fields.Enum(Category, by_value=True, required=True)
    place = clean_text(0, 120, load_default="", metadata={"description": "Empty means anywhere."})
    criteria = Lines(required=True, metadata={"description": "What counts as a qualified lead, one per line."})
    currency = fields.String(required=True, validate=validate.OneOf(tuple(CURRENCIES)))
    reward_kind = fields.Enum(RewardKind, by_value=True, required=True)
    reward = fields.String(metadata={"description": "For a flat reward.", "example": "1000.00"})
    reward_percent = fields.String(metadata={"description": "For a percent reward.", "example": "2.5"})
    reward_cap = fields.String(metadata={"description": "The most a percent reward can be.", "example": "500.00"})
    hold_days = fields.Integer(load_default=30, validate=validate.OneOf(HOLD_DAYS))
    protection_days = fields.Integer(load_default=90, validate=validate.OneOf(PROTECTION_DAYS))
    consent_days = fields.Integer(load_default=14, validate=validate.OneOf(CONSENT_DAYS))
    evidence_days = fields.Integer(load_default=30, validate=validate.OneOf(EVIDENCE_DAYS))
    version = fields.Integer(metadata={"description": "Refuses the change (409) if the bounty has moved on."})

    @post_load
    def to_terms(self, data: dict[str, Any], **options: object) -> dict[str, Any]:
        """What is paid becomes ``rules``."""
        kind, currency = data["reward_kind"], data["currency"]
        reward, percent, cap = (data.pop(name, None) for name in ("reward", "reward_percent", "reward_cap"))
        flat = kind is RewardKind.FLAT
        data["rules"] = [
            {"kind": kind, "amount_minor": _amount("reward", reward, currency)} if flat else
            {"kind": kind, "rate_bps": _basis_points(percent), "cap_minor": _amount("reward_cap", cap, currency)}]
        return data


def _amount(field: str, text: str | None, currency: str) -> int:
    if not text:
        raise ValidationError({field: ["Say how much."]})
    try:
        amount = parse_amount(text, currency)
        refuse_odd(amount)
    except Exception as error:
        raise ValidationError({field: [str(error)]}) from error
    least = main_units(SMALLEST_REWARD, currency)
    if amount < least:
        raise ValidationError({field: [f"At least {show_money(least)}."]})
    return amount.minor


def _basis_points(text: str | None) -> int:
    if not text or not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", text.strip().rstrip("%"), re.ASCII):
        raise ValidationError({"reward_percent": ["Write a percentage like 2.5."]})
    whole, _, rest = text.strip().rstrip("%").partition(".")
    points = int(whole) * 100 + int(rest.ljust(2, "0") or 0)
    if not 1 <= points <= 10_000:
        raise ValidationError({"reward_percent": ["Between 0.01 and 100."]})
    return points


class TermsOutput(Schema):
    id = fields.String()
    number = fields.Integer()
    criteria = fields.List(fields.String())
    reward = fields.Function(reward_in_words, metadata={"type": "string"})
    highest_reward = fields.Function(lambda terms: Amount().serialize("m", {"m": highest_reward(terms)}))
    currency = fields.String()
    hold_days = fields.Integer()
    protection_days = fields.Integer()
    consent_days = fields.Integer()
    evidence_days = fields.Integer()
    in_words = fields.Function(
        lambda terms: [f"{question}: {said}" for question, said in plain_terms(terms)],
        metadata={"type": "array", "items": {"type": "string"}})


class BountyOutput(Schema):
    id = fields.String()
    business_id = fields.String()
    business_name = fields.String(attribute="business.name")
    title = fields.String()
    offer = fields.String()
    state = fields.String()
    category = fields.Enum(Category, by_value=True)
    place = fields.String()
    terms = fields.Nested(TermsOutput)
    published_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer()


class BoardInput(Schema):
    """The board's filters, as a query string."""

    q = clean_text(0, 200, load_default="")
    category = fields.Enum(Category, by_value=True, load_default=None)
    place = clean_text(0, 120, load_default="")
    sort = fields.String(load_default="newest", validate=validate.OneOf(("newest", "highest")))
    cursor = fields.String(load_default=None)


def initial_form(terms: Terms) -> dict[str, str]:
    """The terms as the text of BountyInput's fields, to fill a form."""
    return {
        "criteria": "\n".join(terms.criteria), "currency": terms.currency, "reward_kind": terms.rules[0].kind.value,
        "reward": plain_amount(highest_reward(terms)) if terms.rules[0].amount_minor else "",
        "reward_percent": percent_text(terms.rules[0].rate_bps).rstrip("%") if terms.rules[0].rate_bps else "",
        "reward_cap": plain_amount(highest_reward(terms)) if terms.rules[0].cap_minor else "",
        "hold_days": str(terms.hold_days), "protection_days": str(terms.protection_days),
        "consent_days": str(terms.consent_days), "evidence_days": str(terms.evidence_days),
        "category": terms.category.value, "place": terms.place,
    }
