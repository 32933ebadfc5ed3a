"""What comes over the wire about uploads: the file's purpose, its columns, what is taken of it."""
from typing import Any

from marshmallow import Schema, fields, validate

from marketplace.foundation.fields import clean_text
from marketplace.foundation.money import CURRENCIES
from marketplace.tracking.models import UploadPurpose
from marketplace.tracking.uploads.programmes import PROGRAMMES
from marketplace.tracking.uploads.purposes import PURPOSES
from marketplace.tracking.uploads.rows import TAKES, RowOutcome
from marketplace.tracking.uploads.spelling import ENCODINGS
from marketplace.tracking.uploads.values import DAY_ORDERS, DECIMALS

# A form's empty boxes and blanks are trimmed away: a tab goes by its name.
SEPARATOR_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


class UploadInput(Schema):
    """Beside the file."""

    purpose = fields.Enum(UploadPurpose, by_value=True, load_default=UploadPurpose.CONVERSIONS)
    programme = fields.String(load_default="other", validate=validate.OneOf(list(PROGRAMMES)))


class SpellingInput(Schema):
    encoding = fields.String(required=True, validate=validate.OneOf(list(ENCODINGS)))
    separator = fields.String(required=True, validate=validate.OneOf(list(SEPARATOR_NAMES)))


class TakingInput(Schema):
    outcomes = fields.List(fields.String(validate=validate.OneOf([one.value for one in TAKES])), load_default=list)
    left_out = clean_text(0, 20_000, load_default="")


class ResultsInput(Schema):
    """Which rows a page shows."""

    outcome = fields.Enum(RowOutcome, by_value=True, load_default=None)
    after = fields.Integer(load_default=0, validate=validate.Range(0, 10_000_000))


class InvitingInput(Schema):
    bounty = clean_text(1, 60, required=True)


def columns_input(purpose: UploadPurpose) -> Schema:
    """``column_<what>`` is the place of its column, from 0; the rest as ``columns.check_choices`` asks for it."""
    asked: dict[str, Any] = {
        f"column_{column.key}": fields.Integer(load_default=None) for column in PURPOSES[purpose].columns}
    choices = {"days": [*DAY_ORDERS], "decimals": [*DECIMALS], "currency": [*CURRENCIES]}
    asked |= {name: fields.String(load_default=None, validate=validate.OneOf(known)) for name, known in choices.items()}
    return Schema.from_dict(asked)()
