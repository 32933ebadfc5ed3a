"""The platform's balance: every movement is a balance transaction, available once its day has come."""
from marketplace.payments.sandbox.encoding import only
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

FEE_BASIS_POINTS, FEE_FIXED_MINOR = 290, 30  # 2.9% + 30: Stripe's price for a US card.
# The category where it is not called as the type is.
REPORTED_AS = {"transfer_refund": "transfer_reversal", "stripe_fee": "fee", "adjustment": "dispute",
               "payout_failure": "payout_reversal", "payment": "charge", "payment_refund": "refund"}


def card_fee(amount: int) -> int:
    """Rounded half up, in minor units."""
    return (amount * FEE_BASIS_POINTS + 5_000) // 10_000 + FEE_FIXED_MINOR


def record_movement(
    world: World, kind: str, amount: int, currency: str, *, source: str | None, fee: int = 0,
    available_on: int | None = None,
) -> str:
    """Write one balance transaction and give its id. Money out is negative."""
    now = world.now()
    details = [{"amount": fee, "application": None, "currency": currency, "type": "stripe_fee",
                "description": "Stripe processing fees"}] if fee else []
    body = world.store.add({
        "id": world.store.new_id("txn"), "object": "balance_transaction", "type": kind, "amount": amount,
        "currency": currency, "fee": fee, "fee_details": details, "net": amount - fee, "source": source,
        "available_on": now if available_on is None else available_on, "created": now, "balance_type": "payments",
        "description": None, "exchange_rate": None, "reporting_category": REPORTED_AS.get(kind, kind),
        "status": "pending"})
    return str(body["id"])


def available_minor(world: World, currency: str) -> int:
    return sums(world).get(currency, (0, 0))[0]


def sums(world: World) -> dict[str, tuple[int, int]]:
    """(available, pending) minor units by currency."""
    rows = world.store.sql(
        "SELECT json_extract(body, '$.currency') AS currency, json_extract(body, '$.available_on') <= ? AS is_there, "
        "sum(json_extract(body, '$.net')) AS net FROM object WHERE kind = 'balance_transaction' GROUP BY 1, 2",
        world.now())
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        there, coming = found.get(row["currency"], (0, 0))
        found[row["currency"]] = (there + row["net"], coming) if row["is_there"] else (there, coming + row["net"])
    return found


def read_balance(call: Call) -> Body:
    only(call.params, ())
    if call.account:
        parts = {currency: (minor, 0) for currency, minor in
                 call.store.get("v2.core.account", call.account)["_balance"].items()}
    else:
        parts = sums(call.world) or {"usd": (0, 0)}
    for currency, skew in ({} if call.account else call.world.balance_skew).items():
        there, coming = parts.get(currency, (0, 0))
        parts[currency] = (there + skew, coming)
    kept = {} if call.account else reserved(call.world)
    return {"object": "balance", "livemode": False,
            **({"connect_reserved": [_part(currency, minor) for currency, minor in kept.items()]} if kept else {}),
            "available": [_part(currency, there) for currency, (there, _) in sorted(parts.items())],
            "pending": [_part(currency, coming) for currency, (_, coming) in sorted(parts.items())]}


def reserved(world: World) -> dict[str, int]:
    """What is kept against connected accounts in debt."""
    rows = world.store.sql(
        "SELECT json_extract(body, '$.currency') AS currency, -sum(json_extract(body, '$.net')) AS kept FROM object "
        "WHERE kind = 'balance_transaction' AND json_extract(body, '$.type') = 'reserve_transaction' GROUP BY 1")
    return {row["currency"]: row["kept"] for row in rows}


def list_movements(call: Call) -> Body:
    only(call.params, ("created", "currency", "ending_before", "limit", "payout", "source", "starting_after", "type"))
    equal = {name: call.params.get(name) for name in ("currency", "source", "type")}
    return call.store.page("balance_transaction", "/v1/balance_transactions", call.params, equal)


def read_movement(call: Call) -> Body:
    return call.store.get("balance_transaction", call.args[0])


def _part(currency: str, minor: int) -> Body:
    return {"amount": minor, "currency": currency, "source_types": {"card": minor}}
