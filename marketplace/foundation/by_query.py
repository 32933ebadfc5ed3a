"""What a statement needs that writes rows from other rows, with none of them read: ids, details, a list to go by."""
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, JSON, ColumnElement, Text, any_, cast, column, func, literal, literal_column, select
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


def among(column_of_text: Any, values: Iterable[str | None]) -> ColumnElement[bool]:
    """Whether a column's text is one of ``values``, however many: one parameter, and a look-up by its index for each.

    Neither a join nor PostgreSQL's IN of a query says that: without statistics either goes through the whole table.
    """
    wanted = [one for one in dict.fromkeys(values) if one]
    if _is_lite():
        said = func.json_each(literal(json.dumps(wanted), Text)).table_valued(column("value", Text))
        found: ColumnElement[bool] = column_of_text.in_(select(said.c.value))
        return found
    is_one: ColumnElement[bool] = column_of_text == any_(literal(wanted, ARRAY(Text)))
    return is_one


def _is_lite() -> bool:
    return db.engine.dialect.name == "sqlite"
