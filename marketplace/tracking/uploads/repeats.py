"""Which rows of a file say the same as one further up: a million are known again, and none is held in memory."""
import hashlib
import json
from collections.abc import Mapping

from sqlalchemy import delete, select, text

from marketplace.foundation.db import db
from marketplace.tracking.models import Upload, upload_keys

IN_ONE_STATEMENT = 1_000
_NOTE = {
    "sqlite": text(
        "INSERT INTO upload_keys (upload_id, key, row) SELECT :upload, CAST(key AS INTEGER), value FROM "
        "json_each(:said) "
        "WHERE true ON CONFLICT DO NOTHING RETURNING key"),
    "postgresql": text(
        "INSERT INTO upload_keys (upload_id, key, row) SELECT :upload, key::bigint, value::integer "
        "FROM json_each_text(CAST(:said AS json)) ON CONFLICT DO NOTHING RETURNING key"),
}


def note_keys(upload: Upload, keys: Mapping[str, int]) -> dict[str, int]:
    """``keys``: by what a row is known, to its number. Those that stood further up, to the number of that row."""
    hashed = {_hash(key): key for key in keys}
    said = json.dumps({str(number): keys[key] for number, key in hashed.items()})
    new = {row.key for row in db.session.execute(_NOTE[db.engine.dialect.name], {"upload": upload.id, "said": said})}
    known = sorted(hashed.keys() - new)
    found: dict[str, int] = {}
    for start in range(0, len(known), IN_ONE_STATEMENT):
        found |= {hashed[row.key]: row.row for row in db.session.execute(
            select(upload_keys.c.key, upload_keys.c.row).where(
                upload_keys.c.upload_id == upload.id, upload_keys.c.key.in_(known[start:start + IN_ONE_STATEMENT])))}
    return found


def forget_keys(upload: Upload) -> None:
    db.session.execute(delete(upload_keys).where(upload_keys.c.upload_id == upload.id))


def _hash(key: str) -> int:
    """64 bits: two of a million ids are taken for one in a file of 37 million."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
