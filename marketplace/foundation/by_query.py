"""What a statement needs that writes rows from other rows, with none of them read: ids, details, a list to go by."""
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import JSON, ColumnElement, Text, cast, column, func, literal, literal_column
from sqlalchemy.sql.selectable import TableValuedAlias

from marketplace.foundation.db import db
from marketplace.foundation.ids import ALPHABET, NUMBER_DIGITS, new_stem

SPELLED: ColumnElement[str] = literal_column(" || ".join(  # Built of expressions it takes longer than the statement.
    f"substr('{ALPHABET}', ((number >> {5 * place}) & 31) + 1, 1)" for place in reversed(range(NUMBER_DIGITS))), Text)


def numbered_ids(kind: str) -> ColumnElement[str]:
    """A new id for each row by its column ``number``, 0 to 32 ** NUMBER_DIGITS - 1; they sort as the numbers do."""
    return literal(new_stem(kind), Text) + SPELLED


def json_of(said: Mapping[str, ColumnElement[str] | str]) -> ColumnElement[object]:
    """An object of words and columns."""
    parts = [part for name, value in said.items()
             for part in (literal(name, Text), value if isinstance(value, ColumnElement) else literal(value, Text))]
    return func.json_object(*parts) if _is_lite() else func.json_build_object(*parts)


def listed(given: Mapping[str, Sequence[str]]) -> TableValuedAlias:
    """A row for all that is listed: ``key``, and the ``value`` under which it is; one parameter, however many they are.

    No key is listed twice.
    """
    said = literal(json.dumps({key: value for value, keys in given.items() for key in keys}), Text)
    found = func.json_each(said) if _is_lite() else func.json_each_text(cast(said, JSON))
    return found.table_valued(column("key", Text), column("value", Text))


def _is_lite() -> bool:
    return db.engine.dialect.name == "sqlite"
