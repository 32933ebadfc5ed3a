"""How a stored object is shown: private fields off, what depends on time worked out, ``expand`` followed."""
from typing import Any

from marketplace.payments.sandbox.encoding import Params
from marketplace.payments.sandbox.refusals import bad_parameter
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import World

DEEPEST_EXPANSION = 4


def present(world: World, body: Body) -> Body:
    shown = {name: value for name, value in body.items() if not name.startswith("_")}
    match body.get("object"):
        case "balance_transaction":
            shown["status"] = "available" if body["available_on"] <= world.now() else "pending"
        case "transfer":
            shown["reversals"] = {
                "object": "list", "url": f"/v1/transfers/{body['id']}/reversals", "has_more": False,
                "data": [present(world, one) for one in world.store.all(
                    "transfer_reversal", "json_extract(body, '$.transfer') = ?", body["id"])]}
        case "dispute":
            shown["balance_transactions"] = [
                present(world, world.store.get("balance_transaction", one)) for one in body["_movements"]]
        case "event":
            waiting = world.store.sql(
                "SELECT count(*) AS n FROM delivery WHERE event_id = ? AND state = 'pending'", body["id"])
            shown["pending_webhooks"] = waiting[0]["n"]
        case "list":
            shown["data"] = [present(world, one) for one in body["data"]]
    return shown


def expand(world: World, shown: Body, params: Params) -> Body:
    """``expand[]=payment_intent.latest_charge`` puts the objects where their ids were."""
    paths = params.get("expand") or []
    for path in paths if isinstance(paths, list) else [paths]:
        steps = str(path).split(".")
        if len(steps) > DEEPEST_EXPANSION:
            raise bad_parameter("You cannot expand more than 4 levels of a property.", "expand")
        _expand(world, shown, steps)
    return shown


def _expand(world: World, node: Any, steps: list[str]) -> None:
    if isinstance(node, list):
        for one in node:
            _expand(world, one, steps)
        return
    if not steps or node is None:
        return
    if not isinstance(node, dict) or steps[0] not in node:
        raise bad_parameter(f"This property cannot be expanded ({steps[0]}).", "expand")
    value = node[steps[0]]
    if isinstance(value, str):
        found = world.store.find(value)
        if found is None:
            raise bad_parameter(f"This property cannot be expanded ({steps[0]}).", "expand")
        node[steps[0]] = value = present(world, found)
    _expand(world, value, steps[1:])
