"""What payees owe back, with its age: for the admins who decide what becomes of it."""
from collections import Counter

from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments.models import ReversalState, Transfer, TransferReversal

AGES = ((30, "up to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
OLDER = "more than 90 days"

Receivable = tuple[TransferReversal, User, int]  # With who owes it, and for how many days.


def aged_receivables() -> list[Receivable]:
    """Oldest first. One that Stripe is being asked for right now is among them."""
    rows = db.session.execute(
        select(TransferReversal, User).join(Transfer, Transfer.id == TransferReversal.transfer_id)
        .join(User, User.id == Transfer.payee_id)
        .where(TransferReversal.owed_since.is_not(None),
               TransferReversal.state.in_([ReversalState.OUTSTANDING, ReversalState.SENDING]))
        .order_by(TransferReversal.owed_since, TransferReversal.id))
    now = clock.now()
    return [(reversal, payee, (now - (reversal.owed_since or now)).days) for reversal, payee in rows]


def sums_by_age(receivables: list[Receivable]) -> list[tuple[str, Money]]:
    """(age in words, sum), a line for each currency."""
    sums: Counter[tuple[int, str]] = Counter()
    for reversal, _, days in receivables:
        place = next((n for n, (most, _) in enumerate(AGES) if days <= most), len(AGES))
        sums[place, reversal.currency] += reversal.left.minor
    words = [*(text for _, text in AGES), OLDER]
    return [(words[place], Money(minor, currency)) for (place, currency), minor in sorted(sums.items())]
