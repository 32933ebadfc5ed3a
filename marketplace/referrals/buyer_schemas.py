"""What buyers send from their private page."""
from marshmallow import Schema, fields, validate

from marketplace.foundation.fields import EmailAddress, JurisdictionCode, clean_text
from marketplace.referrals.models import Channel
from marketplace.referrals.other_answers import LATER_WEEKS, Over
from marketplace.referrals.schemas import PhoneNumber


class ConsentInput(Schema):
    """The buyer's yes: by which channel, until when."""

    jurisdiction = JurisdictionCode(load_default="", metadata={
        "description": "Where they live, if they say so; asked where the law of a place limits rewards."})
    name = clean_text(1, 120, required=True)
    email = EmailAddress(required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    phone = PhoneNumber()
    until = fields.Date(required=True)
    note = clean_text(0, 1000)
    told_by = clean_text(1, 60, load_default=None, allow_none=True, metadata={
        "description": "The lead of the referrer who told them, where several pointed."})


class ConfirmInput(Schema):
    """With the yes at a proven address: where the law limits rewards, where the buyer lives."""

    jurisdiction = JurisdictionCode(load_default="")


class OverInput(Schema):
    """Why there is no need any more."""

    because = fields.Enum(Over, by_value=True, required=True)


class LaterInput(Schema):
    """Not now: in how many weeks they may be asked again."""

    weeks = fields.Integer(required=True, validate=validate.OneOf(
        LATER_WEEKS, error="Choose one of the times that stand there."))


class NeverInput(Schema):
    """Taking a yes back; ``never`` also asks to be left alone by everyone."""

    never = fields.Boolean(load_default=False)
