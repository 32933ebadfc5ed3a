"""The event log: v1 snapshots and v2 thin events, written in the transaction of what they tell."""
from datetime import datetime
from typing import Any

from marketplace.payments.sandbox.encoding import only, whole
from marketplace.payments.sandbox.presenting import present
from marketplace.payments.sandbox.sandbox_clock import as_text
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import API_VERSION, Call, World


def emit(
    world: World, kind: str, about: Body, *, key: str = "", was: dict[str, Any] | None = None, account: str = ""
) -> None:
    """A v1 event holding ``about`` as it is now; ``was`` are the attributes it changed, ``account`` whose it is."""
    happened = {"object": present(world, about)}
    if was:
        happened["previous_attributes"] = was
    world.store.add({
        "id": (event_id := world.store.new_id("evt")), "object": "event", "type": kind, "data": happened,
        "api_version": API_VERSION, "created": world.now(), "livemode": False, "pending_webhooks": 0,
        "request": {"id": world.store.new_id("req"), "idempotency_key": key or None},
        **({"account": account} if account else {}),
    })
    world.webhooks.queue(event_id)


def emit_thin(world: World, kind: str, account: Body) -> None:
    """A v2 event: it names the object and where to read it, nothing else."""
    world.store.add({
        "id": (event_id := world.store.new_id("evt")), "object": "v2.core.event", "type": kind,
        "created": as_text(world.now()), "livemode": False,
        "related_object": {"id": account["id"], "type": account["object"], "url": f"/v2/core/accounts/{account['id']}"},
    })
    world.webhooks.queue(event_id)


def list_events(call: Call) -> Body:
    only(call.params, ("created", "delivery_success", "ending_before", "limit", "starting_after", "type", "types"))
    types = call.params.get("types") or call.params.get("type")
    page = call.store.page("event", "/v1/events", call.params, {"type": types, "account": call.account})
    if "delivery_success" in call.params:
        wanted = call.params["delivery_success"] == "true"
        page["data"] = [one for one in page["data"] if _delivered(call.world, one["id"]) is wanted]
    return page


def read_event(call: Call) -> Body:
    return call.store.get("event", call.args[0])


def read_thin_event(call: Call) -> Body:
    return call.store.get("v2.core.event", call.args[0])


def list_thin_events(call: Call) -> Body:
    """Newest first; ``page`` is the last event of the page before."""
    only(call.params, ("created", "limit", "object_id", "page", "types"))
    created = call.params.get("created") or {}
    limit = whole(call.params, "limit") if "limit" in call.params else 20
    before = call.store.get("v2.core.event", call.params["page"], param="page") if "page" in call.params else None
    terms, values = ["1"], []
    for name, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
        if name in created:
            terms.append(f"json_extract(body, '$.created') {sign} ?")
            values.append(as_text(int(datetime.fromisoformat(created[name]).timestamp())))
    if "object_id" in call.params:
        terms.append("json_extract(body, '$.related_object.id') = ?")
        values.append(call.params["object_id"])
    if types := call.params.get("types"):
        terms.append(f"json_extract(body, '$.type') IN ({', '.join('?' * len(types))})")
        values += types
    if before:
        terms.append("seq < (SELECT seq FROM object WHERE id = ?)")
        values.append(before["id"])
    found = call.store.all("v2.core.event", " AND ".join(terms), *values)
    following = f"/v2/core/events?page={found[limit - 1]['id']}" if len(found) > limit else None
    return {"data": [present(call.world, one) for one in found[:limit]], "next_page_url": following,
            "previous_page_url": None}


def _delivered(world: World, event_id: str) -> bool:
    rows = world.store.sql("SELECT count(*) AS n FROM delivery WHERE event_id = ? AND state <> 'delivered'", event_id)
    return bool(rows[0]["n"] == 0)
