"""The shapes of leads that cross HTTP, the same for forms and JSON. No database in here."""
import re
from typing import Any

import phonenumbers
from flask import current_app
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from marketplace.foundation.fields import EmailAddress, JurisdictionCode, clean_text
from marketplace.foundation.money import CURRENCIES, BadAmount, parse_amount
from marketplace.foundation.urls import BadUrl, canonical_url, refuse_private
from marketplace.referrals.models import Acquaintance, ReasonCode, Stage

LONGEST_URL = 2048
NO_CRITERION = "-"  # What a form sends where none of them was missed.
MOST_AT_ONCE = 50  # Leads decided in one go: a page of the queue.
LONGEST_POST = 20_000  # Characters.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)  # "localhost:80" has none.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:\S*|[\w-]+(\.[\w-]+)+([:/?#]\S*)?", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![@\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+")  # Not @ana@mastodon.example, which is a handle.
# Whose numbers are known without a country code, and how these begin: a range of prices is none.
_NATIONAL = {"US": "", "ES": "", "GB": "0(", "DE": "0(", "FR": "0("}


def refuse_contact(text: str) -> None:
    """The business reads these words once the buyer says yes; how to reach them goes by what they choose alone."""
    shown = "an e-mail address" if _EMAIL.search(text) else "a phone number" if _shows_number(text) else ""
    if shown:
        raise ValidationError(f"This shows {shown}. Leave it out, or quote less: the business reads this once the "
                              "buyer says yes, and the buyer alone says how they may be reached.")


def _shows_number(text: str) -> bool:
    exact = phonenumbers.Leniency.EXACT_GROUPING
    return any(not begins or found.raw_string[0] in f"+{begins}" for region, begins in _NATIONAL.items()
               for found in phonenumbers.PhoneNumberMatcher(text, region, leniency=exact))


class PhoneNumber(fields.String):
    """A number in international form; kept as E.164."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options) or ""
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException as error:
            raise ValidationError("Write the number with its country code, like +1 619 555 0100.") from error
        if not phonenumbers.is_possible_number(number):
            raise ValidationError("This number is too short or too long.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class WebAddress(fields.String):
    """A page's address as it was given; one that we would never open is refused with what to do."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = (super()._deserialize(value, attr, data, **options) or "").strip()
        try:
            canonical_url(text)
            refuse_private(text, allow=current_app.extensions["settings"].fetch_allow)
        except BadUrl as error:
            raise ValidationError(f"{error.message} {error.next_step}".strip()) from error
        return text


class LeadInput(Schema):
    """Pointing at a buyer: the address of the post, or its text where there is none."""

    url = WebAddress(metadata={"description": "The public post in which the buyer says what they look for."})
    text = clean_text(20, 20_000, metadata={"description": "The text, where there is no address."})
    said_where = clean_text(2, 200, validate=refuse_contact, metadata={
        "description": "Where it was said, where there is no address: a group, a talk, a message."})
    said_on = fields.Date(metadata={"description": "The day on which it was said; what the page says comes first."})
    age_reason = clean_text(5, 500, validate=refuse_contact, metadata={
        "description": "Why the need still holds, where it was said longer ago than the terms take."})
    quote = clean_text(8, 600, required=True, validate=refuse_contact, metadata={
        "description": "The sentence that shows the need, word for word, without any address or number."})
    acquaintance = fields.Enum(Acquaintance, by_value=True, required=True)
    how_known = clean_text(3, 1000, required=True, validate=refuse_contact, metadata={
        "description": "How you know them, or why you think they fit. Read by a moderator, by the buyer, and by the "
                       "business once the buyer says yes."})
    your_jurisdiction = JurisdictionCode(load_default="", metadata={
        "description": "Where you live. Asked once, where the law of the place limits rewards."})
    buyer_jurisdiction = JurisdictionCode(load_default="", metadata={
        "description": "Where the buyer is, if the post says it."})
    buyer_name = clean_text(1, 120)
    buyer_email = EmailAddress(metadata={"description": "Only if you have it; the buyer is asked first in any case."})

    @validates_schema
    def has_evidence(self, data: dict[str, Any], **options: object) -> None:
        if not data.get("url") and not data.get("text"):
            raise ValidationError({"url": ["Give the address of the post, or paste its text below."]})


class PointInput(LeadInput):
    """The same by form, where files may take the place of both: the verb says if nothing was given."""

    @validates_schema
    def has_evidence(self, data: dict[str, Any], **options: object) -> None:
        pass


class MatchInput(Schema):
    """What somebody read: the address of a post, or its words. Becomes ``url`` or ``text``."""

    post = clean_text(8, LONGEST_POST, required=True, metadata={
        "description": "The address of a public post, or the text of one.",
        "example": "I'm in the market for a car, a used station wagon, in or around Denver."})

    @post_load
    def to_address_or_text(self, data: dict[str, Any], **options: object) -> dict[str, Any]:
        post = data["post"]
        if not _ADDRESS.fullmatch(post):
            return {"text": post}
        address = post if _SCHEME.match(post) else f"https://{post}"
        try:
            return {"url": WebAddress().deserialize(address)}
        except ValidationError as error:
            raise ValidationError({"post": error.messages}) from error


class DraftInput(Schema):
    """What a match carries into the pointing form: nothing is checked before that is sent."""

    url = clean_text(0, LONGEST_URL, load_default="")
    quote = clean_text(0, 600, load_default="")
    text = clean_text(0, LONGEST_POST, load_default="")


class ApiLeadInput(LeadInput):
    """The same by API, with the bounty it is for."""

    bounty_id = clean_text(1, 60, required=True)


class RejectionInput(Schema):
    reason_code = fields.Enum(ReasonCode, by_value=True, required=True)
    missed_criterion = fields.String(
        load_default="", metadata={"description": "In the terms' words; - is none of them."})
    note = clean_text(0, 1000, load_default="")
    version = fields.Integer(load_default=None, allow_none=True)

    @post_load
    def to_criterion(self, data: dict[str, Any], **options: object) -> dict[str, Any]:
        data["missed_criterion"] = "" if data["missed_criterion"] == NO_CRITERION else data["missed_criterion"]
        return data


class DecisionInput(Schema):
    version = fields.Integer(load_default=None, allow_none=True)


class ContactsInput(Schema):
    """Beside the file: what happens with the list that is there, and whether the file is only checked."""

    how = fields.String(load_default="extend", validate=validate.OneOf(("extend", "replace")))
    step = fields.String(load_default="check", validate=validate.OneOf(("check", "take")))


class RulingInput(Schema):
    """An admin's word on two leads: one buyer, or two."""

    other_id = clean_text(1, 60, required=True)
    is_same = fields.Boolean(required=True)
    version = fields.Integer(load_default=None, allow_none=True)


class RuledInput(Schema):
    """Which answer to that question is meant: the one about this lead and that."""

    other_id = clean_text(1, 60, required=True)


class NextInput(Schema):
    """The next case; ``besides`` is the one just put down."""

    besides = clean_text(0, 60, load_default="")


class EscalationInput(Schema):
    """To one admin, or to whoever takes it next."""

    to_id = clean_text(0, 60, load_default="")
    note = clean_text(5, 1000, required=True)
    version = fields.Integer(load_default=None, allow_none=True)


class SeveralInput(Schema):
    """Of the queue: ``leads`` are ids with the version that was seen, as lead_01...:3."""

    leads = fields.List(clean_text(6, 80), required=True, validate=validate.Length(
        1, MOST_AT_ONCE, error="Choose at least one lead of the list, and at most fifty."))
    decision = fields.String(required=True, validate=validate.OneOf(("accept", "reject")))
    reason_code = fields.Enum(ReasonCode, by_value=True)
    note = clean_text(0, 1000, load_default="")

    @validates_schema
    def has_reason(self, data: dict[str, Any], **options: object) -> None:
        if data.get("decision") == "reject" and not data.get("reason_code"):
            raise ValidationError({"reason_code": ["Choose the reason; every referrer reads it."]})


class QuestionInput(Schema):
    question = clean_text(5, 1000, required=True)
    version = fields.Integer(load_default=None, allow_none=True)


class AnswerInput(Schema):
    answer = clean_text(2, 2000, required=True)
    url = WebAddress()
    text = clean_text(20, 20_000)


class AppealInput(Schema):
    why = clean_text(10, 2000, required=True)


class StageInput(Schema):
    stage = fields.Enum(Stage, by_value=True, required=True)
    reason = clean_text(0, 500, load_default="")
    version = fields.Integer(load_default=None, allow_none=True)


class MoneyInput(Schema):
    amount = fields.String(required=True, metadata={"example": "30000.00"})
    currency = fields.String(required=True, validate=validate.OneOf(tuple(CURRENCIES)))

    @post_load
    def to_money(self, data: dict[str, Any], **options: object) -> dict[str, Any]:
        """``amount`` becomes Money; the currency is in it."""
        try:
            data["amount"] = parse_amount(data["amount"], data.pop("currency"))
        except BadAmount as error:
            raise ValidationError({"amount": [f"{error.message} {error.next_step}".strip()]}) from error
        return data


class SaleInput(MoneyInput):
    """The sale that makes the conversion: amount without taxes, currency, day."""

    occurred_on = fields.Date(required=True)
    order_number = clean_text(0, 100, load_default="")
    version = fields.Integer(load_default=None, allow_none=True)


class SaleRefundInput(MoneyInput):
    """Money given back, of the sale or of one renewal."""

    refund_number = clean_text(1, 100, required=True, metadata={"description": "Your own number; each counts once."})
    conversion_id = clean_text(0, 60, load_default=None, allow_none=True, metadata={
        "description": "The renewal that it is of; left out, it is of the sale."})


class FreezeInput(Schema):
    reason = clean_text(3, 500, required=True)
