"""What a look at the books can find: a difference with its name, the thing it is about, and the money it is worth."""
from dataclasses import dataclass

from marketplace.payments.models import OpenItemKind


@dataclass(frozen=True)
class Finding:
    """``amount_minor``: Stripe less ledger, so below zero we hold less than we count on.

    One that is not ``ripe`` may still be on its way between Stripe and us: it is counted, and named only when it ages.
    """

    kind: OpenItemKind
    subject_id: str
    note: str
    currency: str = ""
    amount_minor: int = 0
    ripe: bool = True
