"""The shapes of bounties that cross HTTP, the same for forms and JSON. No database in here."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from marketplace.bounties.models import Category, For, Pick, RewardKind, Terms
from marketplace.bounties.preview import plain_terms, reward_in_words
from marketplace.bounties.rule_schemas import (
    MOST_RULES,
    RuleInput,
    read_amount,
    read_rule,
    read_what,
    shown_rule,
)
from marketplace.bounties.rules import highest_reward, worst_case
from marketplace.foundation.fields import Amount, JurisdictionCode, Lines, clean_text
from marketplace.foundation.money import CURRENCIES, Money, show_money

HOLD_DAYS = (0, 7, 14, 30, 60, 90)
PROTECTION_DAYS = (30, 60, 90, 120, 180)
CONSENT_DAYS = (7, 14, 30)
EVIDENCE_DAYS = (7, 14, 30, 60, 90)
CLICK_DAYS = (1, 7, 14, 30, 60, 90, 180, 365)  # Offered on the page; a program may say any from 1 to 365.
MAIN = ("reward", "reward_kind", "reward_percent", "reward_floor", "reward_cap")
CAPS = ("cap_per_referrer", "cap_per_bounty", "cap_per_month")


class BountyInput(Schema):
    """A bounty as its business writes it. Amounts are decimal text in the main unit ("1000.00").

    What is paid: one reward to the referrer when the buyer buys, by ``reward_kind`` and its fields; or a list of
    ``rules``; or both, when the rules come on top.
    """

    title = clean_text(8, 120, required=True, metadata={"example": "Introduce a car buyer to Westside Auto"})
    offer = clean_text(20, 4000, required=True)
    category = fields.Enum(Category, by_value=True, required=True)
    place = clean_text(0, 120, load_default="", metadata={"description": "Empty means anywhere."})
    jurisdiction = JurisdictionCode(load_default="", metadata={
        "description": "Whose law counts where it is sold (ISO 3166). Needed to publish where law limits rewards."})
    criteria = Lines(required=True, metadata={"description": "What counts as a qualified lead, one per line."})
    currency = fields.String(required=True, validate=validate.OneOf(tuple(CURRENCIES)))
    reward_kind = fields.String(validate=validate.OneOf(("flat", "percent")))
    reward = fields.String(metadata={"description": "For a flat reward.", "example": "1000.00"})
    reward_percent = fields.String(metadata={"description": "For a percent reward.", "example": "2.5"})
    reward_floor = fields.String(metadata={"description": "The least a percent reward can be.", "example": "50.00"})
    reward_cap = fields.String(metadata={"description": "The most a percent reward can be.", "example": "500.00"})
    rules = fields.List(fields.Nested(RuleInput), metadata={"description": "Parts of the reward, at most 6 in all."})
    cap_per_referrer = fields.String(metadata={"description": "The most that one referrer is paid in all."})
    cap_per_bounty = fields.String(metadata={"description": "The most that is paid in all, buyers’ shares too."})
    cap_per_month = fields.String(metadata={"description": "The most that is paid in one month of the calendar, UTC."})
    cause = clean_text(3, 120, metadata={
        "description": "What a buyer may give their share to.", "example": "Denver Food Bank"})
    hold_days = fields.Integer(load_default=30, validate=validate.OneOf(HOLD_DAYS))
    protection_days = fields.Integer(load_default=90, validate=validate.OneOf(PROTECTION_DAYS))
    consent_days = fields.Integer(load_default=14, validate=validate.OneOf(CONSENT_DAYS))
    evidence_days = fields.Integer(load_default=30, validate=validate.OneOf(EVIDENCE_DAYS))
    click_days = fields.Integer(validate=validate.Range(1, 365), metadata={
        "description": "So many days a click on a referrer’s link can bind a customer; 90 unless said."})
    click_pick = fields.Enum(Pick, by_value=True, metadata={
        "description": "Which of several clicks counts; the last unless said."})
    version = fields.Integer(metadata={"description": "Refuses the change (409) if the bounty has moved on."})

    @validates_schema(skip_on_field_errors=False)
    def promises_something(self, data: dict[str, Any], **options: object) -> None:
        if not data.get("reward_kind") and not data.get("rules"):
            raise ValidationError({"reward_kind": ["Say what you pay."]})

    @validates_schema(skip_on_field_errors=False)
    def says_how_much(self, data: dict[str, Any], **options: object) -> None:
        """In the same round as the fields that are missing: nobody is sent back twice."""
        if data.get("reward_kind") and data.get("currency"):
            read_what(_what(data), data["currency"], "reward")

    @post_load
    def to_terms(self, data: dict[str, Any], **options: object) -> dict[str, Any]:
        """What is paid becomes ``rules``, as drafting takes them; caps become minor units."""
        currency, problems = data["currency"], _Problems()
        said, rules = data.pop("rules", []), []
        what = _what(data) if data.get("reward_kind") else None
        for name in MAIN:
            data.pop(name, None)
        if what:
            with problems.noting():
                rules.append({"kind": what["kind"], **read_what(what, currency, "reward")})
        for number, rule in enumerate(said):
            with problems.noting(f"rules.{number}."):
                rules.append(read_rule(rule, currency))
        least = max((rule.get("amount_minor") or rule.get("cap_minor") or 0 for rule in rules), default=0)
        for name in CAPS:
            with problems.noting():
                data[f"{name}_minor"] = _read_cap(name, data.pop(name, None), Money(least, currency))
        if len(rules) > MOST_RULES:
            problems.said["reward_kind"] = [f"At most {MOST_RULES} parts."]
        data["cause"] = data.get("cause")
        if data["cause"] and not any(map(_pays_buyer, rules)):
            problems.said["cause"] = ["Only with a share for the buyer, in money."]
        problems.stop()
        return {**data, "rules": rules}

    def handle_error(self, error: ValidationError, data: Any, **options: Any) -> None:
        """``rules.1.amount``: which part is wrong, and what in it."""
        error.messages = _named(error.messages_dict)


def _what(data: dict[str, Any]) -> dict[str, Any]:
    """The one reward that the form's own fields tell of, as read_what takes it."""
    main = {name.removeprefix("reward_"): data.get(name) for name in MAIN[1:]}
    return {**main, "kind": RewardKind(data["reward_kind"]), "amount": data.get("reward")}


class _Problems:
    """What is wrong in several fields, said at once."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}

    @contextmanager
    def noting(self, prefix: str = "") -> Iterator[None]:
        try:
            yield
        except ValidationError as error:
            self.said |= {prefix + name: said for name, said in error.messages_dict.items()}

    def stop(self) -> None:
        if self.said:
            raise ValidationError(dict(self.said))


def _read_cap(name: str, text: str | None, least: Money) -> int | None:
    cap = read_amount(name, text, least.currency) if text else None
    if cap and cap < least.minor:
        raise ValidationError({name: [f"At least {show_money(least)}, or one part alone would not fit in."]})
    return cap


def _named(messages: dict[str, Any]) -> dict[str, Any]:
    nested = messages.get("rules")
    if not isinstance(nested, dict):
        return messages
    flat = {f"rules.{number}.{name}": said for number, inside in nested.items()
            for name, said in inside.items()}
    return {name: said for name, said in messages.items() if name != "rules"} | flat


def _pays_buyer(rule: dict[str, Any]) -> bool:
    return rule.get("whom") is For.BUYER and rule.get("kind") is not RewardKind.NON_CASH


class AmountOf(Amount):
    """Money that is worked out of the object."""

    def __init__(self, reckon: Callable[[Terms], Money | None], **options: Any) -> None:
        super().__init__(**options)
        self.reckon = reckon

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **options: Any) -> Any:
        return self._serialize(self.reckon(obj), attr, obj)


class TermsOutput(Schema):
    id = fields.String()
    number = fields.Integer()
    criteria = fields.List(fields.String())
    reward = fields.Function(reward_in_words, metadata={"type": "string"})
    rules = fields.Function(lambda terms: [shown_rule(rule, terms.currency) for rule in terms.rules], metadata={
        "type": "array", "items": {"type": "object"}, "description": "The parts, with the fields of the input."})
    highest_reward = AmountOf(highest_reward)
    worst_case = AmountOf(worst_case, metadata={"description": "The most that one lead costs, with our fee."})
    cap_per_referrer = AmountOf(lambda terms: find_cap(terms, "cap_per_referrer"), allow_none=True)
    cap_per_bounty = AmountOf(lambda terms: find_cap(terms, "cap_per_bounty"), allow_none=True)
    cap_per_month = AmountOf(lambda terms: find_cap(terms, "cap_per_month"), allow_none=True)
    cause = fields.String(allow_none=True)
    currency = fields.String()
    hold_days = fields.Integer()
    protection_days = fields.Integer()
    consent_days = fields.Integer()
    evidence_days = fields.Integer()
    click_days = fields.Integer()
    click_pick = fields.String()
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
    jurisdiction = fields.String(attribute="terms.jurisdiction")
    terms = fields.Nested(TermsOutput)
    published_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer()


class BoardInput(Schema):
    """The board's filters, as a query string."""

    q = clean_text(0, 200, load_default="")
    category = fields.Enum(Category, by_value=True, load_default=None)
    place = clean_text(0, 120, load_default="")
    currency = fields.String(load_default="", validate=validate.OneOf(("", *CURRENCIES)))
    sort = fields.String(load_default="newest", validate=validate.OneOf(("newest", "highest")))
    funds = fields.String(load_default="there", validate=validate.OneOf(("there", "awaited")))
    cursor = fields.String(load_default=None)


def find_cap(terms: Terms, name: str) -> Money | None:
    minor = getattr(terms, f"{name}_minor")
    return Money(minor, terms.currency) if minor else None
