"""Pages by the last row seen: any depth, nothing twice, and a forged marker never reaches the database."""
import base64
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from marketplace.bounties.board import BoardSearch, search_board
from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage
from marketplace.foundation.paging import BadCursor, page, page_of_kinds
from tests import factories as make


def marker(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def note(subject: str) -> str:
    with transaction():
        event = AuditEvent(actor_id="user_1", action="a.b", subject_id=subject, details={})
        db.session.add(event)
    return event.id


def walk(*by, size: int):
    cursor, seen = None, []
    while True:
        shown = page(select(AuditEvent), *by, cursor=cursor, size=size)
        assert len(shown.rows) <= size
        seen += [row.id for row in shown.rows]
        if shown.next_cursor is None:
            return seen
        cursor = shown.next_cursor


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_every_row_once_newest_first_whatever_the_size(app, size):
    ids = [note("x") for _ in range(7)]
    assert walk(AuditEvent.id, size=size) == ids[::-1]


def test_equal_values_are_told_apart_by_the_last_column(app):
    ids = [note(subject) for subject in "abbba"]
    expected = [ids[i] for i in (3, 2, 1, 4, 0)]
    assert walk(AuditEvent.subject_id, AuditEvent.id, size=2) == expected


def test_times_are_kept_to_the_microsecond(app, clock):
    ids = [note("x") for _ in range(6)]
    assert walk(AuditEvent.created_at, AuditEvent.id, size=1) == ids[::-1]


def test_a_row_that_came_meanwhile_moves_nothing(app):
    ids = [note("x") for _ in range(4)]
    first = page(select(AuditEvent), AuditEvent.id, cursor=None, size=2)
    note("x")
    assert [row.id for row in page(select(AuditEvent), AuditEvent.id, cursor=first.next_cursor, size=2).rows] == ids[1::-1]


def test_the_last_full_page_has_no_next_one(app):
    for _ in range(4):
        note("x")
    second = page(select(AuditEvent), AuditEvent.id, cursor=page(select(AuditEvent), AuditEvent.id, cursor=None, size=2).next_cursor, size=2)
    assert len(second.rows) == 2 and second.next_cursor is None


def test_ids_of_two_tables_are_one_list_by_age(app):
    made = []
    for number in range(6):
        made.append(note("x"))
        if number % 2:
            with transaction():
                job = OutboxMessage(job="x", arguments={}, due_at=clock.now())
                db.session.add(job)
            made.append(job.id)
    kinds = {"audit": select(AuditEvent.id).where(AuditEvent.subject_id == "x"), "job": select(OutboxMessage.id).where(OutboxMessage.job == "x")}
    for size in (1, 2, 4, 9):
        cursor, seen = None, []
        while not seen or cursor:
            shown = page_of_kinds(kinds, cursor=cursor, size=size)
            cursor, seen = shown.next_cursor, [*seen, *shown.rows]
            assert len(shown.rows) <= size
        assert seen == made[::-1]
    with pytest.raises(BadCursor):
        page_of_kinds(kinds, cursor=marker(3))


@pytest.mark.parametrize("forged", [
    "x", "!!!", "é", "W1sx", marker(), marker("a"), marker("a", "b", "c"), marker(1, "b"), marker(None, "b"), marker(True, "b"),
    marker("yesterday", "b"), marker("2026-11-02T09:00:00", "b"), marker("0001-01-01T00:00:00+14:00", "b"),
    marker("2026-11-02T09:00:00+00:00", "a\x00"), marker("2026-11-02T09:00:00+00:00", "\ud800"), marker("2026-11-02T09:00:00+00:00", 3),
    marker(["2026"], "b"), base64.urlsafe_b64encode(b'{"a": 1, "b": 2}').decode(), base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    base64.urlsafe_b64encode(b"[" + b"9" * 5000 + b", 1]").decode(),
], ids=lambda forged: repr(forged)[:30])
def test_a_forged_marker_is_refused_in_words(app, forged):
    with pytest.raises(BadCursor) as refused:
        page(select(AuditEvent), AuditEvent.created_at, AuditEvent.id, cursor=forged)
    assert (refused.value.status, refused.value.next_step) == (422, "Start from the first page.")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, 1.5, "1"])
def test_a_number_beyond_its_column_is_refused(app, number):
    with pytest.raises(BadCursor):
        page(select(Bounty), Bounty.highest_reward, Bounty.id, cursor=marker(number, "bounty_x"))


def test_the_board_puts_what_was_published_last_first(app):
    business = make.make_business()
    owner = make.owner_of(business)
    drafts = [make.make_bounty(business, funded_for=1, title=f"Car buyer number {n}") for n in range(3)]
    for bounty in (drafts[1], drafts[2], drafts[0]):
        with transaction():
            publish_bounty(bounty, by=owner)
    seen, cursor = [], None
    for _ in range(3):
        shown = search_board(BoardSearch(), cursor=cursor, size=1)
        seen += [bounty.title[-1] for bounty in shown.rows]
        cursor = shown.next_cursor
    assert seen == ["0", "2", "1"] and cursor is None


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(("where", "order", "last", "index"), [
    ("", "published_at", "'5'", "bounties_newest_idx"),
    ("", "currency, highest_reward", "'usd', 5", "bounties_highest_idx"),
    ("AND currency = 'usd'", "highest_reward", "5", "bounties_highest_idx"),
])
def test_the_board_is_read_from_its_index_without_sorting(app, where, order, last, index):
    descending = order.replace(",", " DESC,")
    steps = db.session.execute(text(
        f"EXPLAIN QUERY PLAN SELECT id FROM bounties WHERE state IN ('live', 'paused', 'closed') AND state = 'live' {where} "
        f"AND ({order}, id) < ({last}, 'bounty_x') ORDER BY {descending} DESC, id DESC LIMIT 21")).all()
    plan = " ".join(str(step[-1]) for step in steps)
    assert index in plan and "TEMP B-TREE" not in plan


def test_a_time_in_another_zone_is_the_same_place(app):
    ids = [note("x") for _ in range(3)]
    middle = db.session.get_one(AuditEvent, ids[1])
    utc = page(select(AuditEvent), AuditEvent.created_at, AuditEvent.id, cursor=marker(middle.created_at.isoformat(), middle.id))
    east = middle.created_at.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    moved = page(select(AuditEvent), AuditEvent.created_at, AuditEvent.id, cursor=marker(east.isoformat(), middle.id))
    assert [row.id for row in utc.rows] == [row.id for row in moved.rows] == ids[:1]
    assert middle.created_at.tzinfo is UTC
