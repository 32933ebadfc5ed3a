"""What a statement needs that writes rows from other rows, with none of them read: ids, details, a list to go by."""
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import JSON, ColumnElement, Text, cast, column, func, literal
from sqlalchemy.sql.selectable import TableValuedAlias

from marketplace.foundation.db import db
from marketplace.foundation.ids import ALPHABET, NUMBER_DIGITS, new_stem


def numbered_ids(kind: str, number: ColumnElement[int]) -> ColumnElement[str]:
    """A new id for each ``number`` (0 to 32 ** NUMBER_DIGITS - 1); they sort as the numbers do."""
    spelled: ColumnElement[str] = literal(new_stem(kind), Text)
    for place in reversed(range(NUMBER_DIGITS)):
        digit = number.bitwise_rshift(5 * place).bitwise_and(31)
        spelled = spelled + func.substr(literal(ALPHABET, Text), digit + 1, 1)
    return spelled


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
