"""Tables of moves, and a record of who did what that nobody can rewrite."""
from enum import StrEnum

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from marketplace.foundation import audit
from marketplace.foundation.audit import SYSTEM, AuditEvent, events_about
from marketplace.foundation.audit_by_query import record_each
from marketplace.foundation.by_query import listed
from marketplace.foundation.db import db, transaction
from marketplace.foundation.states import IllegalMove, check_move


class Door(StrEnum):
    LEFT_AJAR = "left_ajar"
    SHUT = "shut"


MOVES = {Door.LEFT_AJAR: frozenset({Door.SHUT}), Door.SHUT: frozenset()}


def test_a_move_of_the_table_passes_and_any_other_is_a_conflict_in_words():
    check_move(MOVES, Door.LEFT_AJAR, Door.SHUT)
    for current, target in ((Door.SHUT, Door.LEFT_AJAR), (Door.SHUT, Door.SHUT), (Door.LEFT_AJAR, Door.LEFT_AJAR)):
        with pytest.raises(IllegalMove) as refused:
            check_move(MOVES, current, target)
        assert (refused.value.status, refused.value.code) == (409, "illegal_move")
    assert "left ajar" in refused.value.message and refused.value.next_step


def test_what_was_done_is_told_oldest_first_with_actor_and_details(app):
    with transaction():
        audit.record("door.opened", "door_1", by="user_1", reason="draught", was="", note=None)
        audit.record("door.shut", "door_1", by=SYSTEM)
        audit.record("door.shut", "door_2", by=SYSTEM)
    told = db.session.scalars(events_about("door_1")).all()
    assert [(e.action, e.actor_id, e.details) for e in told] == [
        ("door.opened", "user_1", {"reason": "draught"}), ("door.shut", "system", {})]
    assert len(db.session.scalars(events_about("door_1", "door_2")).all()) == 3


def test_a_record_goes_with_the_change_it_tells_of(app):
    with pytest.raises(RuntimeError, match="changed my mind"), transaction():
        audit.record("door.opened", "door_1", by="user_1")
        db.session.flush()
        raise RuntimeError("changed my mind")
    assert db.session.scalars(events_about("door_1")).all() == []


@pytest.mark.parametrize("change", [update(AuditEvent).values(actor_id="nobody"), delete(AuditEvent)])
def test_the_database_refuses_to_rewrite_it(app, change):
    with transaction():
        audit.record("door.opened", "door_1", by="user_1")
    with pytest.raises(DBAPIError), transaction():
        db.session.execute(change)
    assert [e.actor_id for e in db.session.scalars(select(AuditEvent))] == ["user_1"]


def test_what_a_query_names_is_told_of_each_with_an_id_of_its_own(app):
    """More than three digits number: 32 ** 2 and some."""
    doors = listed({"draught": [f"door_{number}" for number in range(1_100)], 'the "cat"': ["door_cat"]})
    with transaction():
        audit.record("door.opened", "door_7", by="user_1")
        record_each("door.shut", select(doors.c.key), {"why": doors.c.value, "how": "gently"}, by=SYSTEM)
        audit.record("door.opened", "door_7", by="user_2")
    told = db.session.scalars(select(AuditEvent).filter_by(action="door.shut").order_by(AuditEvent.id)).all()
    assert {one.subject_id for one in told} == {f"door_{number}" for number in range(1_100)} | {"door_cat"}
    assert len(told) == 1_101 and told[-1].created_at.tzinfo
    assert {one.details["why"] for one in told if one.subject_id == "door_cat"} == {'the "cat"'}
    assert told[0].details == {"why": "draught", "how": "gently"} and told[0].actor_id == "system"
    assert [one.action for one in db.session.scalars(events_about("door_7"))] == [
        "door.opened", "door.shut", "door.opened"]
