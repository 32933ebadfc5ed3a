"""Marshmallow fields that our schemas share: clean text, lines, addresses, amounts."""
import re
import unicodedata
from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, fields

from marketplace.foundation import jurisdictions
from marketplace.foundation.money import Money, plain_amount

MOST_LINES = 20
LONGEST_LINE = 300


def _with_metadata(options: dict[str, Any], **described: Any) -> dict[str, Any]:
    """A field's options, with what the OpenAPI document says of it beside what its maker says."""
    return {**options, "metadata": {**described, **options.get("metadata", {})}}


class CleanText(fields.String):
    """Text without control characters, trimmed, of ``shortest`` to ``longest`` characters."""

    def __init__(self, shortest: int, longest: int, **options: Any) -> None:
        super().__init__(**_with_metadata(options, minLength=shortest, maxLength=longest))
        self.shortest, self.longest = shortest, longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = clean(super()._deserialize(value, attr, data, **options) or "")
        if len(text) < self.shortest:
            raise ValidationError("Please fill this in." if self.shortest <= 1 else
                                  f"Please write at least {self.shortest} characters.")
        if len(text) > self.longest:
            raise ValidationError(f"Please keep it under {self.longest} characters; this is {len(text)}.")
        return text


def clean_text(shortest: int, longest: int, **options: Any) -> CleanText:
    return CleanText(shortest, longest, **options)


def clean(text: str) -> str:
    """NFC, line ends as \\n, no control characters (PostgreSQL refuses NUL), no half characters, trimmed."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "", text).strip()


class EmailAddress(fields.String):
    """An address in the one spelling we keep: normal form, lower case. Nothing is looked up."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options) or ""
        try:
            return validate_email(text.strip(), check_deliverability=False).normalized.lower()
        except EmailNotValidError:
            raise ValidationError("Write a whole address, like ana@example.com.") from None


class JurisdictionCode(fields.String):
    """A country, or a part of one whose parts make such law: ``DE``, ``US-CA``. Empty: not said."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**_with_metadata(options, example="US-CO"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        code = (super()._deserialize(value, attr, data, **options) or "").strip().upper()
        if code and code not in jurisdictions.known():
            raise ValidationError("Choose a country or state from the list (ISO 3166, like US-CO).")
        return jurisdictions.plain_code(code)


class Lines(fields.Field[list[str]]):
    """A list of sentences: from JSON a list, from a form a text with one per line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**_with_metadata(options, type="array", items={"type": "string"}))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[str]:
        parts = value.splitlines() if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise ValidationError("Write one sentence per line.")
        lines = [line for line in (clean(part) for part in parts) if line]
        if not lines:
            raise ValidationError("Write at least one.")
        if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
            raise ValidationError(f"At most {MOST_LINES} lines of {LONGEST_LINE} characters.")
        return lines


class Amount(fields.Field[Money]):
    """Money out: ``{"amount": "1000.00", "minor": 100000, "currency": "usd"}``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(dump_only=True, **_with_metadata(options, type="object", properties={
            "amount": {"type": "string"}, "minor": {"type": "integer"}, "currency": {"type": "string"}}))

    def _serialize(self, value: Money | None, attr: str | None, obj: Any, **options: Any) -> Any:
        if value is None:
            return None
        return {"amount": plain_amount(value), "minor": value.minor, "currency": value.currency}
