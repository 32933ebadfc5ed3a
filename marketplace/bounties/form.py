"""A bounty's HTML form: rows of a fixed number for the parts of its reward, and the terms as typed text."""
from typing import Any

from marshmallow import ValidationError, pre_load

from marketplace.bounties.models import For, Happening, RewardKind, RewardRule, Terms
from marketplace.bounties.rule_schemas import ROW, ROWS, rows_of, typed_row, typed_what
from marketplace.bounties.schemas import CAPS, BountyInput, find_cap
from marketplace.foundation.money import plain_amount


class BountyForm(BountyInput):
    """The same from a form: rows ``part_2_kind``, ``part_2_amount`` ... are the list of rules."""

    @pre_load
    def to_rules(self, sent: dict[str, Any], **options: object) -> dict[str, Any]:
        if "rules" in sent:
            raise ValidationError("Unknown field.", "rules")  # Of JSON; here they are rows.
        rows = rows_of(sent)
        self.numbers = list(rows)
        pays_buyer = any(row.get("whom") == For.BUYER and "thing" not in row for row in rows.values())
        plain = {name: value for name, value in sent.items()
                 if not ROW.fullmatch(name) and (name != "cause" or pays_buyer)}
        return plain | ({"rules": list(rows.values())} if rows else {})

    def handle_error(self, error: ValidationError, data: Any, **options: Any) -> None:
        super().handle_error(error, data, **options)
        error.messages = {self._field(name): said for name, said in error.messages_dict.items()}

    def _field(self, name: str) -> str:
        _, number, field = [*name.split("."), "", ""][:3] if name.startswith("rules.") else ("", "", "")
        return f"part_{self.numbers[int(number)]}_{'kind' if field == 'thing' else field}" if field else name


def initial_form(terms: Terms) -> dict[str, str]:
    """The terms as the text of BountyForm's fields, to fill a form."""
    main = next((rule for rule in terms.rules if _is_main(rule)), None)
    rows = [rule for rule in terms.rules if rule is not main]
    typed = {"reward_kind": main.kind.value if main else ""}
    for name, text in (typed_what(main, terms.currency) if main else {}).items():
        typed["reward" if name == "amount" else f"reward_{name}"] = text
    for number, rule in zip(ROWS, rows, strict=False):
        typed |= {f"part_{number}_{name}": text for name, text in typed_row(rule, terms.currency).items()}
    caps = {name: cap for name in CAPS if (cap := find_cap(terms, name))}
    return typed | {name: plain_amount(cap) for name, cap in caps.items()} | {
        "criteria": "\n".join(terms.criteria), "currency": terms.currency, "cause": terms.cause or "",
        "hold_days": str(terms.hold_days), "protection_days": str(terms.protection_days),
        "consent_days": str(terms.consent_days), "evidence_days": str(terms.evidence_days),
        "category": terms.category.value, "place": terms.place, "jurisdiction": terms.jurisdiction,
        "click_days": str(terms.click_days), "click_pick": terms.click_pick.value,
    }


def _is_main(rule: RewardRule) -> bool:
    return rule.happening is Happening.WON and rule.whom is For.REFERRER and rule.kind is not RewardKind.NON_CASH
