"""A lead, its evidence, its buyer's contact and receipt, as programs read them."""
from typing import Any

from marshmallow import Schema, fields

from marketplace.foundation.platforms import recognise
from marketplace.referrals.models import Channel


class EvidenceOutput(Schema):
    state = fields.String()
    url = fields.String(allow_none=True)
    quote = fields.String()
    quote_found = fields.Boolean(allow_none=True)
    title = fields.String(allow_none=True)
    author = fields.String(allow_none=True)
    published_on = fields.Date(allow_none=True)
    sha256 = fields.String(allow_none=True)
    captured_at = fields.AwareDateTime(allow_none=True)
    failure = fields.String(allow_none=True)
    said_where = fields.String(allow_none=True)
    said_on = fields.Date(allow_none=True)
    age_reason = fields.String(allow_none=True)
    platform = fields.Function(lambda one: _on_platform(one, "platform"), metadata={
        "type": ["string", "null"], "description": "Which large platform the post stands on, by its address."})
    post_id = fields.Function(lambda one: _on_platform(one, "post_id"), metadata={
        "type": ["string", "null"], "description": "Its number there."})
    read_again_at = fields.AwareDateTime(allow_none=True)


def _on_platform(evidence: Any, name: str) -> str | None:
    found = recognise(evidence.url) if evidence.url else None
    return getattr(found, name) or None if found else None


class LeadOutput(Schema):
    """A lead as a program sees it. ``evidence`` is null where the buyer has not said yes to the reader."""

    id = fields.String()
    bounty_id = fields.String()
    business_id = fields.String()
    terms_id = fields.String()
    source = fields.String(metadata={"description": "post, or link or code: the buyer came by themselves."})
    moderation = fields.String()
    consent = fields.String()
    stage = fields.String(allow_none=True)
    reason_code = fields.String(allow_none=True)
    missed_criterion = fields.String(allow_none=True)
    reason_note = fields.String(allow_none=True)
    question = fields.String(allow_none=True)
    duplicate = fields.Function(lambda lead: lead.duplicate_of_id is not None, metadata={"type": "boolean"})
    submitted_at = fields.AwareDateTime()
    decided_at = fields.AwareDateTime(allow_none=True)
    tell_at = fields.AwareDateTime(allow_none=True, metadata={
        "description": "Admins: decided, and told to nobody before then."})
    protected_until = fields.AwareDateTime(allow_none=True)
    evidence = fields.Nested(EvidenceOutput, allow_none=True)
    version = fields.Integer()


class OneLeadOutput(LeadOutput):
    """A lead that is read by itself, or was just pointed out."""

    disclosure = fields.String(allow_none=True, metadata={
        "description": "For its referrer, while it may earn: the sentence that says openly what they may get."})


class HappeningOutput(Schema):
    at = fields.AwareDateTime()
    title = fields.String()
    text = fields.String()
    tone = fields.String(metadata={"description": "ok, warn, bad, info or mute"})


class StoryOutput(Schema):
    story = fields.List(fields.Nested(HappeningOutput))
    next = fields.String()


class ContactOutput(Schema):
    """The buyer's contact data, as far as they allowed it."""

    name = fields.String()
    channel = fields.Enum(Channel, by_value=True)
    address = fields.String()
    until = fields.Date()
    note = fields.String()


class ReceiptOutput(Schema):
    """A consent receipt; its form is ISO/IEC TS 27560's, said in W3C's Data Privacy Vocabulary."""

    context = fields.Dict(data_key="@context", attribute="@context")
    id = fields.String(data_key="@id", attribute="@id")
    type = fields.String(data_key="@type", attribute="@type")
    conforms_to = fields.String(data_key="dct:conformsTo", attribute="dct:conformsTo")
    created = fields.String(data_key="dct:created", attribute="dct:created")
    publisher = fields.Dict(data_key="dct:publisher", attribute="dct:publisher")
    recipient = fields.String(data_key="schema:recipient", attribute="schema:recipient")
    records = fields.List(fields.Dict(), data_key="dpv:hasRecordOfActivity", attribute="dpv:hasRecordOfActivity")
