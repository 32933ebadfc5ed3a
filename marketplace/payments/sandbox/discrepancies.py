"""What Stripe's books may hold against ours: movements changed, forgotten or doubled."""
from typing import Any

from marketplace.payments.sandbox.balances import record_movement
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import World


def change_movement(world: World, movement_id: str, changes: dict[str, Any]) -> Body:
    """Stripe has it otherwise: ``amount``, ``fee`` or ``currency``; the net follows."""
    changed = world.store.get("balance_transaction", movement_id) | changes
    changed["net"] = changed["amount"] - changed["fee"]
    return world.store.save(changed)


def forget_movement(world: World, movement_id: str) -> None:
    world.store.get("balance_transaction", movement_id)
    world.store.sql("DELETE FROM object WHERE id = ?", movement_id)


def double_transfer(world: World, transfer_id: str) -> Body:
    """A second transfer for the same thing of ours, as a key made anew would have made it."""
    first = world.store.get("transfer", transfer_id)
    second_id = world.store.new_id("tr")
    movement = record_movement(world, "transfer", -first["amount"], first["currency"], source=second_id)
    return world.store.add(first | {"id": second_id, "balance_transaction": movement, "created": world.now()})
