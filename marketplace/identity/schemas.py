"""What people and programs send about themselves and their businesses."""
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from marketplace.foundation.fields import EmailAddress, JurisdictionCode, clean_text
from marketplace.identity.api_keys import DAYS_CHOICES, SCOPES
from marketplace.identity.models import MemberRole

LONGEST_TYPED = 1000  # Characters of a password that are read at all; the rules say fewer.


def is_a_name(text: str) -> None:
    """Our letters greet by name; an address in it would make them carry anybody's advertisement."""
    if any(sign in text for sign in "/@<>\n"):
        raise ValidationError("Write just a name, without / @ < >.")


NAME = {"required": True, "validate": is_a_name}
PASSWORD: dict[str, Any] = {"required": True, "load_only": True, "validate": validate.Length(max=LONGEST_TYPED)}


class SignUpInput(Schema):
    name = clean_text(1, 100, **NAME)
    email = EmailAddress(required=True)
    password = fields.String(**PASSWORD)


class SignInInput(Schema):
    email = fields.String(required=True, validate=validate.Length(max=320))
    password = fields.String(**PASSWORD)
    next = fields.String()


class ForgotInput(Schema):
    email = EmailAddress(required=True)


class ResetInput(Schema):
    password = fields.String(**PASSWORD)


class ProfileInput(Schema):
    name = clean_text(1, 100, **NAME)
    jurisdiction = JurisdictionCode(load_default="")
    version = fields.Integer()


class PasswordInput(Schema):
    current_password = fields.String(**PASSWORD)
    new_password = fields.String(**PASSWORD)


class ApiKeyInput(Schema):
    name = clean_text(1, 60, required=True)
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)), required=True,
        error_messages={"required": "Choose at least one."})
    days = fields.Integer(load_default=None, validate=validate.OneOf(DAYS_CHOICES))


class RevocationInput(Schema):
    made_too = fields.Boolean(load_default=False, metadata={
        "description": "Also every key that it made, and that those made."})


class BusinessInput(Schema):
    name = clean_text(2, 80, **NAME)
    about = clean_text(0, 2000, load_default="")
    place = clean_text(0, 100, load_default="")
    website = fields.String(load_default=None)
    version = fields.Integer()


class MemberInput(Schema):
    email = EmailAddress(required=True)
    role = fields.Enum(MemberRole, by_value=True, required=True)


class RoleInput(Schema):
    role = fields.Enum(MemberRole, by_value=True, required=True)
