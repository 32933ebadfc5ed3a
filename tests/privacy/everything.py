"""Every value in the database, decrypted, as text by table and column: where does a word stand?"""
import json
from typing import Any

from sqlalchemy import select

from marketplace.foundation.db import Base, db
from tests.browsing import end_reading


def places_of(*words: str) -> set[str]:
    """``table.column`` of every value that has one of these words in it."""
    end_reading()
    found = set()
    for table in Base.metadata.sorted_tables:
        for row in db.session.execute(select(table)).mappings():
            found |= {f"{table.name}.{name}" for name, value in row.items() if any(word in _text(value) for word in words)}
    end_reading()
    return found


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)
