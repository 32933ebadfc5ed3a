"""Forms about links: where they lead, whose the domains are."""
from marshmallow import Schema, fields
from marshmallow.validate import Length

from marketplace.foundation.urls import MAX_URL_CHARACTERS


class NothingInput(Schema):
    """A button."""


class DestinationInput(Schema):
    url = fields.String(load_default="", validate=Length(max=MAX_URL_CHARACTERS))
    utm = fields.String(load_default="", validate=Length(max=1000))


class DomainInput(Schema):
    domain = fields.String(required=True, validate=Length(max=300))
