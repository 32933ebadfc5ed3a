"""Parts of a reward as they cross HTTP: one in a bounty's JSON list, one as a row of its form."""
import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from marketplace.bounties.models import For, Happening, NonCash, RewardKind, RewardRule
from marketplace.bounties.rule_words import percent_text, rule_in_words
from marketplace.foundation.errors import DomainError
from marketplace.foundation.fields import Amount, clean_text
from marketplace.foundation.money import Money, main_units, parse_amount, plain_amount, refuse_odd, show_money

MOST_RULES = 6  # More, and nobody could say what they would earn.
ROWS = range(2, MOST_RULES + 1)  # Of the form; the first part has fields of its own.
SMALLEST_REWARD = 1  # Of the currency's main unit.
LONGEST_DAYS, MOST_RENEWALS = 730, 120
NO_PART = "none"
ROW = re.compile(r"part_([2-9])_([a-z_]+)")
BELONGS: dict[str, set[str]] = {  # Which fields a choice brings with it; in a form the others may hold older text.
    "amount": {"flat"}, "percent": {"percent"}, "floor": {"percent"}, "cap": {"percent"},
    "words": {str(thing) for thing in NonCash},
    "after_days": {"later"}, "times": {"renewal"}, "months": {"renewal"},
}


class RuleInput(Schema):
    """One part of what a bounty pays. Amounts are decimal text in the bounty's currency ("1000.00")."""

    happening = fields.Enum(Happening, by_value=True, load_default=Happening.WON)
    whom = fields.Enum(For, by_value=True, load_default=For.REFERRER)
    kind = fields.Enum(RewardKind, by_value=True, required=True)
    amount = fields.String(metadata={"description": "Of a flat part.", "example": "200.00"})
    percent = fields.String(metadata={"description": "Of a percent part: so much of the sale or of the renewal."})
    floor = fields.String(metadata={"description": "The least a percent part is."})
    cap = fields.String(metadata={"description": "The most a percent part is; it must have one."})
    after_days = fields.Integer(validate=validate.Range(1, LONGEST_DAYS), metadata={
        "description": "Of a later part: so many days after the sale."})
    times = fields.Integer(validate=validate.Range(1, MOST_RENEWALS), metadata={
        "description": "Of renewals: the first so many."})
    months = fields.Integer(validate=validate.Range(1, MOST_RENEWALS), metadata={
        "description": "Of renewals: those within so many months of the sale, one a month at most."})
    thing = fields.Enum(NonCash, by_value=True, metadata={"description": "Of a non_cash part."})
    words = clean_text(3, 200, metadata={"description": "What the thing is.", "example": "Dinner for two"})


class RuleOutput(Schema):
    happening = fields.String()
    whom = fields.String()
    kind = fields.String()
    amount = Amount(allow_none=True)
    percent = fields.String(allow_none=True)
    floor = Amount(allow_none=True)
    cap = Amount(allow_none=True)
    after_days = fields.Integer(allow_none=True)
    times = fields.Integer(allow_none=True)
    months = fields.Integer(allow_none=True)
    thing = fields.String(allow_none=True)
    words = fields.String(allow_none=True)
    in_words = fields.String()


def read_rule(said: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A loaded RuleInput as the fields of a RewardRule. ValidationError names the field that does not fit."""
    kind, happening = said["kind"], said["happening"]
    for name, choices in {**BELONGS, "thing": {"non_cash"}, "words": {"non_cash"}}.items():
        if name in said and not choices & {kind, happening}:
            raise ValidationError({name: [f"Only for {' or '.join(sorted(choices)).replace('_', '-')}."]})
    if kind is RewardKind.PERCENT and happening is Happening.QUALIFIED:
        raise ValidationError({"kind": ["There is no sale yet to take a share of: choose a fixed sum."]})
    if happening is Happening.LATER and "after_days" not in said:
        raise ValidationError({"after_days": ["Say how many days after the sale."]})
    if happening is Happening.RENEWAL and not {"times", "months"} & set(said):
        raise ValidationError({"times": ["Say how many renewals, or for how many months."]})
    timing = {"happening": happening, "whom": said["whom"], "kind": kind, "after_days": said.get("after_days"),
              "times": said.get("times"), "within_months": said.get("months")}
    return {**timing, **read_what(said, currency)}


def read_what(said: Mapping[str, Any], currency: str, prefix: str = "") -> dict[str, Any]:
    """What a part gives: ``amount``, or ``percent`` with ``floor`` and ``cap``, or a thing. Errors are prefixed."""
    if said["kind"] is RewardKind.NON_CASH:
        missing = {name: ["Say what it is."] for name in ("thing", "words") if not said.get(name)}
        if missing:
            raise ValidationError(missing)
        return {"thing": said["thing"], "words": said["words"]}
    if said["kind"] is RewardKind.FLAT:
        return {"amount_minor": read_amount(prefix or "amount", said.get("amount"), currency)}
    under = f"{prefix}_" if prefix else ""
    rate, problems = 0, {}
    try:
        rate = _basis_points(f"{under}percent", said.get("percent"))
    except ValidationError as error:
        problems = error.messages_dict
    if not said.get("cap"):
        problems[f"{under}cap"] = ["Say the most it can be: so much is kept ready for each lead."]
    if problems:
        raise ValidationError(problems)
    cap = read_amount(f"{under}cap", said.get("cap"), currency)
    floor = read_amount(f"{under}floor", said["floor"], currency) if said.get("floor") else None
    if floor and floor > cap:
        raise ValidationError({f"{under}floor": [f"No more than the cap of {show_money(Money(cap, currency))}."]})
    return {"rate_bps": rate, "floor_minor": floor, "cap_minor": cap}


def read_amount(field: str, text: str | None, currency: str) -> int:
    """Minor units. ValidationError for no amount, less than one of the main unit, or what Stripe cannot pay."""
    if not text:
        raise ValidationError({field: ["Say how much."]})
    try:
        amount = parse_amount(text, currency)
        refuse_odd(amount)
    except DomainError as error:
        raise ValidationError({field: [f"{error.message} {error.next_step}".strip()]}) from error
    least = main_units(SMALLEST_REWARD, currency)
    if amount < least:
        raise ValidationError({field: [f"At least {show_money(least)}."]})
    return amount.minor


def _basis_points(field: str, text: str | None) -> int:
    if not text or not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", text.strip().rstrip("%"), re.ASCII):
        raise ValidationError({field: ["Write a percentage like 2.5."]})
    whole, _, rest = text.strip().rstrip("%").partition(".")
    points = int(whole) * 100 + int(rest.ljust(2, "0") or 0)
    if not 1 <= points <= 10_000:
        raise ValidationError({field: ["Between 0.01 and 100."]})
    return points


def shown_rule(rule: RewardRule, currency: str) -> dict[str, Any]:
    """As RuleOutput has it."""
    money = {name: Money(minor, currency) if minor else None for name, minor in (
        ("amount", rule.amount_minor), ("floor", rule.floor_minor), ("cap", rule.cap_minor))}
    return dict(RuleOutput().dump({
        **money, "happening": rule.happening, "whom": rule.whom, "kind": rule.kind, "after_days": rule.after_days,
        "percent": percent_text(rule.rate_bps).rstrip("%") if rule.rate_bps else None, "times": rule.times,
        "months": rule.within_months, "thing": rule.thing, "words": rule.words,
        "in_words": rule_in_words(rule, currency)}))


def typed_what(rule: RewardRule, currency: str) -> dict[str, str]:
    """What a part gives, as the text of its fields."""
    amounts = {"amount": rule.amount_minor, "floor": rule.floor_minor, "cap": rule.cap_minor}
    typed = {name: plain_amount(Money(minor, currency)) for name, minor in amounts.items() if minor}
    return typed | ({"percent": percent_text(rule.rate_bps).rstrip("%")} if rule.rate_bps else {})


def typed_row(rule: RewardRule, currency: str) -> dict[str, str]:
    """The whole part as the text of a row's fields."""
    plain = {"happening": rule.happening, "whom": rule.whom, "kind": rule.thing or rule.kind, "words": rule.words,
             "after_days": rule.after_days, "times": rule.times, "months": rule.within_months}
    return {name: str(value) for name, value in plain.items() if value} | typed_what(rule, currency)


def rows_of(sent: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The filled rows of a form by number, as RuleInput reads them; what a choice leaves unseen is left out."""
    rows: dict[int, dict[str, Any]] = {}
    for name, value in sent.items():
        if match := ROW.fullmatch(name):
            rows.setdefault(int(match[1]), {})[match[2]] = value
    return {number: _as_input(row) for number, row in sorted(rows.items()) if row.get("kind", NO_PART) != NO_PART}


def _as_input(row: dict[str, Any]) -> dict[str, Any]:
    chosen = {row.get("kind"), row.get("happening")}
    row = {name: value for name, value in row.items() if name not in BELONGS or chosen & BELONGS[name]}
    if row.get("kind") in set(NonCash):
        row |= {"kind": RewardKind.NON_CASH.value, "thing": row["kind"]}
    return row
