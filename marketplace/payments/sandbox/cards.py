"""Stripe's test cards, and the bank debit: what each is called, and what becomes of a payment with it."""
from dataclasses import dataclass

from marketplace.payments.sandbox.refusals import bad_parameter
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import World

DECLINED = "Your card was declined."
SHORT = "Your card has insufficient funds."
CONFIRM = "Your card was declined. This transaction requires authentication."


@dataclass(frozen=True)
class TestCard:
    """What the bank says ``at_once``, with its owner there, and ``alone``, off-session: (code, why, words)."""

    last4: str
    label: str
    at_once: tuple[str, str, str] | None = None
    alone: tuple[str, str, str] | None = None


# docs.stripe.com/testing
CARDS = {
    "visa": TestCard("4242", "Visa •••• 4242, which always works"),
    "confirms": TestCard("3184", "Visa •••• 3184, which asks to confirm every later charge",
                         alone=("authentication_required", "authentication_required", CONFIRM)),
    "fails_later": TestCard("0341", "Visa •••• 0341, which works now and is refused later",
                            alone=("card_declined", "generic_decline", DECLINED)),
    "empty": TestCard("9995", "Visa •••• 9995, which is short of money",
                      at_once=("card_declined", "insufficient_funds", SHORT),
                      alone=("card_declined", "insufficient_funds", SHORT)),
}
CARD_SHOWN = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
BANK_SHOWN = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
BANK = "bank_debit"  # Not a card: it is confirmed now and succeeds or fails days later.


def make_method(world: World, name: str, customer: str | None) -> Body:
    """A payment method as the hosted page leaves it; attached to ``customer`` where it is kept."""
    if name != BANK and name not in CARDS:
        raise bad_parameter(f"card is one of {', '.join([*CARDS, BANK])}", "card")
    shared = {
        "id": world.store.new_id("pm"), "object": "payment_method", "created": world.now(), "customer": customer,
        "livemode": False, "metadata": {}, "allow_redisplay": "limited", "_name": name,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}}
    if name == BANK:
        return world.store.add(shared | {"type": "us_bank_account", "us_bank_account": {
            "account_holder_type": "company", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None, "fingerprint": "FFDMA0xfhBjWSZLu", "last4": "6789", "networks": None,
            "routing_number": "110000000", "status_details": None}})
    return world.store.add(shared | {"type": "card", "card": {
        "brand": "visa", "checks": None, "country": "US", "display_brand": "visa", "exp_month": 12, "exp_year": 2031,
        "fingerprint": f"424242424242{CARDS[name].last4}", "funding": "credit", "generated_from": None,
        "last4": CARDS[name].last4, "networks": None, "regulated_status": "unregulated", "three_d_secure_usage": None,
        "wallet": None}})


def details_of(method: Body) -> Body:
    """As a charge shows what it was paid with."""
    kind, said = method["type"], method[method["type"]]
    if kind == "card":
        return {"type": "card", "card": {name: said[name] for name in CARD_SHOWN} | {"network": "visa"}}
    return {"type": kind, kind: {name: said[name] for name in BANK_SHOWN}}
