"""What a GET form asked for in the page's address: what was typed, what was wrong with it, what could be read."""
from dataclasses import dataclass, field
from typing import Any

from flask import request
from marshmallow import EXCLUDE, Schema, ValidationError

from marketplace.bounties.gate import rule_on
from marketplace.bounties.models import Bounty
from marketplace.bounties.preview import Way, preview_way
from marketplace.foundation.money import BadAmount, parse_amount
from marketplace.foundation.urls import BadUrl, canonical_url


@dataclass
class Asked:
    """Shaped like Form, so that the same macros show it. A wrong value is named and left out of ``fields``."""

    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return 422 if self.errors else 200

    @property
    def post_url(self) -> str | None:
        """The address of a buyer's post that is carried along until somebody is pointed at it."""
        return self.fields.get("url")


def read_asked(schema: Schema | None = None) -> Asked:
    asked = Asked({name: value.strip() for name, value in request.args.items() if value.strip()})
    if schema:
        try:
            asked.fields = schema.load(asked.typed, unknown=EXCLUDE)
        except ValidationError as error:
            asked.errors = {name: [str(s) for s in said] for name, said in error.messages_dict.items()}
            asked.fields = {**schema.load({}), **(error.valid_data if isinstance(error.valid_data, dict) else {})}
    _read_url(asked)
    return asked


def _read_url(asked: Asked) -> None:
    typed = asked.typed.get("url")
    if not typed:
        return
    try:
        canonical_url(typed)
    except BadUrl as error:
        asked.errors["url"] = [f"{error.message} {error.next_step}".strip()]
    else:
        asked.fields["url"] = typed


def preview_asked(bounty: Bounty, asked: Asked, *, home: str) -> Way | None:
    """What a sale of the typed amount, and so many renewals, would earn whoever lives at ``home``, as the law of the
    places known allows; None where no amount was typed."""
    typed, renewals = asked.typed.get("sale"), asked.typed.get("renewals", "0")
    if not typed:
        return None
    if not (renewals.isascii() and renewals.isdecimal() and len(renewals) <= 4):
        asked.errors["renewals"] = ["Write how many, like 3."]
        return None
    try:
        return preview_way(bounty.terms, parse_amount(typed, bounty.terms.currency), renewals=int(renewals),
                           ruling=rule_on(bounty.terms.category, [bounty.terms.jurisdiction, home]))
    except BadAmount as error:
        asked.errors["sale"] = [f"{error.message} {error.next_step}".strip()]
        return None
