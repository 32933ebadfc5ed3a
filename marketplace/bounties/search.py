"""Finds live bounties by their words, in the full-text index of whichever database there is. Whoever asks ranks them.

A row of ``bounty_words`` is there while a bounty is live: the verb that changes a bounty has it written in the same
transaction (lifecycle and drafting call ``keep_findable``), a job reads what is missing or was read by older rules.
"""
import re
from collections.abc import Iterable

from sqlalchemy import Select, bindparam, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from marketplace.bounties.models import Bounty, BountyState, BountyWords
from marketplace.bounties.offer_reading import ANALYSER, OfferReading, index_words, read_offer
from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db, rows_of

TO_READ = "offers_to_read"  # In a session's own notes: bounty id to what was read, None where it is not live.
_WORDS = rows_of(BountyWords)
READ_AT_ONCE = 500  # Bounties a job reads in one transaction.
_FOUND_ON_SQLITE = text(
    "SELECT rowid AS id FROM bounty_words_found WHERE bounty_words_found MATCH :query ORDER BY rowid DESC LIMIT :most")
_FOUND_ON_POSTGRESQL = text("bounty_words_found @@ to_tsquery('simple', :query)")
_WORD = re.compile(r"[^\W_]{1,40}")


def keep_findable(bounty: Bounty) -> None:
    """After a change of words, terms or state: what is live now is found by what it says now.

    Written with the bounty's own row, after it: whoever holds a bounty's lock comes first here too, and the verb that
    calls this may have more to change before its row may be written.
    """
    is_live = bounty.state is BountyState.LIVE
    db.session.info.setdefault(TO_READ, {})[bounty.id] = reading_of(bounty) if is_live else None


@event.listens_for(Session, "after_flush")
def _write_words(session: Session, *details: object) -> None:
    for bounty_id, reading in session.info.pop(TO_READ, {}).items():
        connection = session.connection()
        if reading is None:
            connection.execute(_WORDS.delete().where(_WORDS.c.bounty_id == bounty_id))
            continue
        said = {"words": index_words(reading), "reading": reading.as_json(), "analyser": ANALYSER}
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        row = insert(_WORDS).values(bounty_id=bounty_id, created_at=clock.now(), **said)
        # The job may be reading the same bounty in this moment.
        connection.execute(row.on_conflict_do_update(index_elements=["bounty_id"], set_=said))


@event.listens_for(Session, "before_commit")
def _write_what_is_left(session: Session) -> None:
    """Where nothing else was to be written after the change."""
    if session.info.get(TO_READ):
        session.flush()
        _write_words(session)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, *details: object) -> None:
    session.info.pop(TO_READ, None)


def reading_of(bounty: Bounty) -> OfferReading:
    return read_offer(title=bounty.title, offer=bounty.offer, criteria=bounty.terms.criteria,
                      category=bounty.category, place=bounty.place, currency=bounty.currency)


def read_offers() -> None:
    """Job: live bounties that have no row, or one that older rules read. Goes on by itself until none is left."""
    missing = select(Bounty).outerjoin(BountyWords).where(
        Bounty.state == BountyState.LIVE, BountyWords.id.is_(None) | (BountyWords.analyser != ANALYSER))
    found = db.session.scalars(missing.order_by(Bounty.id).limit(READ_AT_ONCE)).all()
    for bounty in found:
        keep_findable(bounty)
    _write_words(db.session())
    if len(found) == READ_AT_ONCE:
        outbox.promise("read_offers")


def find_by_words(*groups: Iterable[str], most: int) -> list[tuple[str, OfferReading]]:
    """Bounties that have a word of every group, at most ``most`` of them, the newest first: (id, what was read)."""
    wanted = [list(dict.fromkeys(word for word in group if _WORD.fullmatch(word))) for group in groups]
    if not all(wanted):
        return []
    session: Session = db.session()
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    rows = session.execute(_on_sqlite(wanted) if on_sqlite else _on_postgresql(wanted), {"most": most})
    return [(row.bounty_id, _reading(row.reading)) for row in rows]


def _on_sqlite(groups: list[list[str]]) -> Select[tuple[str, dict[str, object]]]:
    query = " AND ".join("(" + " OR ".join(f'"{word}"' for word in group) + ")" for group in groups)
    ids = _FOUND_ON_SQLITE.bindparams(query=query).columns(BountyWords.id).subquery()
    return _rows().join(ids, ids.c.id == BountyWords.id)


def _on_postgresql(groups: list[list[str]]) -> Select[tuple[str, dict[str, object]]]:
    query = " & ".join("(" + " | ".join(group) + ")" for group in groups)
    return _rows().where(_FOUND_ON_POSTGRESQL.bindparams(query=query)).limit(bindparam("most"))


def _rows() -> Select[tuple[str, dict[str, object]]]:
    """Joined with the bounty itself: what is no longer live is never found, whatever the index says."""
    return select(BountyWords.bounty_id, BountyWords.reading).join(Bounty, Bounty.id == BountyWords.bounty_id).where(
        Bounty.state == BountyState.LIVE).order_by(BountyWords.id.desc())


def _reading(kept: dict[str, object]) -> OfferReading:
    least = kept.get("least")
    return OfferReading(**{**kept, "least": tuple(least) if isinstance(least, list) else None})  # type: ignore[arg-type]
