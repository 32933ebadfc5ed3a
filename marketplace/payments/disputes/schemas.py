"""What admins send about bad days: a reason, or what the payer's bank is to read."""
from marshmallow import Schema

from marketplace.foundation.fields import clean_text
from marketplace.payments.disputes.answers import LONGEST_EVIDENCE


class ReasonInput(Schema):
    reason = clean_text(3, 1000, required=True)


class EvidenceInput(Schema):
    text = clean_text(3, LONGEST_EVIDENCE, required=True)
