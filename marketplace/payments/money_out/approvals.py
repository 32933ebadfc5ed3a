"""What one admin may send, take back or write off alone; above it a second one decides."""
from collections.abc import Iterable

from flask import current_app

from marketplace.foundation.errors import Forbidden, require
from marketplace.foundation.money import Money, main_units
from marketplace.identity.models import User

# In main units, unless TRANSFER_APPROVAL_ABOVE says otherwise: about ten thousand dollars each.
USUAL_LIMITS = {
    "usd": 10_000, "eur": 10_000, "gbp": 8_000, "cad": 14_000, "chf": 9_000, "jpy": 1_500_000, "huf": 3_500_000,
    "kwd": 3_000,
}


class SecondAdminNeeded(Forbidden):
    code = "second_admin_needed"


def approval_limit(currency: str) -> Money:
    """Nothing of a currency without a limit goes without a second admin."""
    chosen = current_app.extensions["settings"].transfer_approval_above
    return main_units(chosen.get(currency, USUAL_LIMITS.get(currency, 0)), currency)


def takes_two(amounts: Iterable[Money]) -> bool:
    return any(amount > approval_limit(amount.currency) for amount in amounts)


def require_decider(user: User, *, asked_by: str, amounts: Iterable[Money], action: str) -> None:
    """Forbidden (403) for who is no admin, and, above a limit, for the admin who asked."""
    require(user.is_admin, action)
    if takes_two(amounts) and user.id == asked_by:
        raise SecondAdminNeeded("This is more than one admin may decide alone, and you asked for it.",
                                next_step="Ask another admin to look at it.")
