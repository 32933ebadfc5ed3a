"""An audit row of a state change becomes an event for whoever listens, in the transaction that writes the row.

No verb has to remember it: what the trail is told, the endpoints are told. Where nobody listens nothing is asked of
the database; where the row is rolled back there is no event.
"""
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm.util import identity_key

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import add_row, db, rows_of, write_rows
from marketplace.foundation.ids import new_id
from marketplace.hooks.contents import AT_ONCE, SAID, Subject, Told, read_told
from marketplace.hooks.listeners import LISTENS, listening_businesses
from marketplace.hooks.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint, WebhookEvent

EVENTS = insert(rows_of(WebhookEvent))
DELIVERIES = insert(rows_of(WebhookDelivery))

Row = Mapping[str, Any]


class Following(NamedTuple):
    """What follows from an action: which kind and type of event, about what."""

    kind: str
    type: str
    subject: Subject


FOLLOWED: dict[str, list[Following]] = defaultdict(list)
for _kind, _subject, _actions in SAID:
    for _action, _type in _actions.items():
        FOLLOWED[_action].append(Following(_kind, _type, _subject))
# An acceptance is told some minutes after it was decided, and the buyer is asked in the same moment.
FOLLOWED["consent.asked"].insert(0, next(one for one in FOLLOWED["lead.accepted"]))


class Listener(NamedTuple):
    id: str
    kinds: list[str]
    state: EndpointState


class Happening(NamedTuple):
    audit_id: str
    following: Following
    object_id: str


def follow_the_trail() -> None:
    """Once, when an application starts."""
    audit.follow(FOLLOWED.keys(), note_changes)


def note_changes(trail: Sequence[Row]) -> None:
    """What the audit rows of one transaction say, at its end and inside it."""
    listening = listening_businesses()
    if not listening:
        return
    news = [row for row in trail if _may_concern(row, listening)]
    if not news:
        return
    db.session.flush()
    write_rows()
    kept = _kept([row["id"] for row in news])  # A savepoint may have taken some back.
    happened = list(_happenings(row for row in news if row["id"] in kept))
    told = _tell(happened, listening)
    endpoints = _endpoints({one.business_id for one in told.values()}) if told else {}
    for one in happened:
        what = told.get((one.following.subject, one.object_id))
        if what is not None:
            send_event(what, one, endpoints.get(what.business_id, ()))


def send_event(what: Told, one: Happening, endpoints: Iterable[Listener]) -> None:
    """To an endpoint that we had to switch off it is not sent, but kept for it as missed."""
    wanted = [endpoint for endpoint in endpoints if one.following.kind in endpoint.kinds]
    if wanted:
        event_id = keep_event(what.business_id, one.following.type, one.object_id, what.data, audit_id=one.audit_id)
        for endpoint in wanted:
            queue_delivery(endpoint.id, event_id, one.object_id, is_missed=endpoint.state is EndpointState.DISABLED)


def keep_event(business_id: str, kind: str, object_id: str, data: Mapping[str, Any], *, audit_id: str | None) -> str:
    """Its body as it will be sent, each time the same."""
    now, event_id = clock.now(), new_id("event")
    body = json.dumps({"id": event_id, "type": kind, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False)
    add_row(EVENTS, {"id": event_id, "business_id": business_id, "type": kind, "object_id": object_id,
                     "audit_id": audit_id, "body": body, "created_at": now})
    return event_id


def queue_delivery(
    endpoint_id: str, event_id: str, object_id: str, *, replay_of: str | None = None, is_missed: bool = False
) -> str:
    """``is_missed``: given up before it begins."""
    now, delivery_id = clock.now(), new_id("delivery")
    state = DeliveryState.GIVEN_UP if is_missed else DeliveryState.WAITING
    add_row(DELIVERIES, {"id": delivery_id, "endpoint_id": endpoint_id, "event_id": event_id, "object_id": object_id,
                         "replay_of": replay_of, "state": state, "attempts": 0, "next_at": None if is_missed else now,
                         "ended_at": now if is_missed else None, "created_at": now})
    if not is_missed:
        outbox.promise("deliver_webhook", delivery_id=delivery_id)
    return delivery_id


def _may_concern(row: Row, listening: frozenset[str]) -> bool:
    """Not, if the object is at hand and belongs to a business that does not listen: no statement is needed for that."""
    for one in FOLLOWED[row["action"]]:
        at_hand = db.session.identity_map.get(identity_key(one.subject.model, row["subject_id"]))
        business_id = at_hand.__dict__.get("business_id") if at_hand is not None else None
        if business_id is None or business_id in listening:
            return True
    return False


def _kept(ids: Sequence[str]) -> set[str]:
    """A night's transfers are thousands in one transaction."""
    return {kept for start in range(0, len(ids), AT_ONCE) for kept in db.session.scalars(
        select(AuditEvent.id).where(AuditEvent.id.in_(ids[start:start + AT_ONCE])))}


def _happenings(rows: Iterable[Row]) -> Iterable[Happening]:
    """In order. That a lead was accepted is said once; the first stage is part of it, not a change."""
    accepted = set()
    for row in rows:
        if row["action"] == "stage.new" and "was" not in row["details"]:
            continue
        for one in FOLLOWED[row["action"]]:
            if one.type == "lead.accepted":
                if row["subject_id"] in accepted:
                    continue
                accepted.add(row["subject_id"])
            yield Happening(row["id"], one, row["subject_id"])


def _tell(happened: Sequence[Happening], listening: frozenset[str]) -> dict[tuple[Subject, str], Told]:
    by_subject: dict[Subject, dict[str, None]] = defaultdict(dict)
    for one in happened:
        by_subject[one.following.subject][one.object_id] = None
    return {(subject, object_id): told for subject, ids in by_subject.items()
            for object_id, told in read_told(subject, list(ids)).items() if told and told.business_id in listening}


def _endpoints(business_ids: set[str]) -> dict[str, list[Listener]]:
    found: dict[str, list[Listener]] = defaultdict(list)
    for endpoint_id, business_id, kinds, state in db.session.execute(
            select(WebhookEndpoint.id, WebhookEndpoint.business_id, WebhookEndpoint.kinds, WebhookEndpoint.state)
            .where(WebhookEndpoint.business_id.in_(business_ids), WebhookEndpoint.state.in_(LISTENS))
            .order_by(WebhookEndpoint.id)):
        found[business_id].append(Listener(endpoint_id, kinds, state))
    return found
