"""What comes over the wire about webhooks, and what goes out: the same for forms and JSON."""
from typing import Any

from marshmallow import Schema, fields, validate

from marketplace.foundation.fetch import FetchFailure
from marketplace.foundation.fields import clean_text
from marketplace.foundation.paging import PageQuery
from marketplace.hooks.contents import KINDS
from marketplace.hooks.models import DeliveryState, EndpointState

KINDS_SAID = {"description": "Which kinds of events; all of them unless you say some.", "example": ["lead", "reward"]}


class EndpointChange(Schema):
    kinds = fields.List(fields.String(validate=validate.OneOf(list(KINDS))), load_default=list, metadata=KINDS_SAID)
    note = clean_text(0, 200, load_default="", metadata={"description": "What it is for, in your own words."})


class EndpointInput(EndpointChange):
    url = clean_text(1, 2048, required=True, metadata={
        "description": "An https address on the public web.", "example": "https://shop.example/fingerpost"})


class EndpointOutput(Schema):
    id = fields.String()
    business_id = fields.String()
    url = fields.String()
    note = fields.String()
    kinds = fields.List(fields.String())
    state = fields.Enum(EndpointState, by_value=True)
    why_disabled = fields.String(allow_none=True)
    failing_since = fields.AwareDateTime(allow_none=True)
    answered_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()


class NewEndpointOutput(EndpointOutput):
    """With the secret: shown now and never again."""

    secret = fields.String(allow_none=True)


class SecretOutput(Schema):
    secret = fields.String(allow_none=True)
    old_secret_until = fields.AwareDateTime(metadata={"description": "Until then the one before signs, too."})


class AttemptOutput(Schema):
    at = fields.AwareDateTime(attribute="created_at")
    status = fields.Integer(allow_none=True, metadata={"description": "Of HTTP; null where nothing came back."})
    failure = fields.String(allow_none=True, validate=validate.OneOf([one.value for one in FetchFailure]))
    milliseconds = fields.Integer()


class DeliveryOutput(Schema):
    id = fields.String()
    endpoint_id = fields.String()
    event_id = fields.String(metadata={"description": "What webhook-id says; the same when it is sent again."})
    type = fields.String(attribute="event.type")
    object_id = fields.String()
    replay_of = fields.String(allow_none=True)
    state = fields.Enum(DeliveryState, by_value=True)
    attempts = fields.List(fields.Nested(AttemptOutput), attribute="log")
    next_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()


class DeliveryPage(Schema):
    data = fields.List(fields.Nested(DeliveryOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


class EndpointList(Schema):
    data = fields.List(fields.Nested(EndpointOutput))


class DeliveryQuery(PageQuery):
    state = fields.Enum(DeliveryState, by_value=True, load_default=None)


class MissedInput(Schema):
    since = fields.AwareDateTime(load_default=None, metadata={
        "description": "Only of events from then on; all that are kept (thirty days) unless you say so."})


class ReplayedOutput(Schema):
    count = fields.Integer()


def shown_endpoint(endpoint: Any, secret: str) -> dict[str, Any]:
    """The answer to whoever added it, with what nobody can show again."""
    return {**{name: getattr(endpoint, name) for name in EndpointOutput().fields}, "secret": secret}
