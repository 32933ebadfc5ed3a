"""The ledger beside Stripe's own balance, to the cent."""
from dataclasses import dataclass

from marketplace.foundation.db import finish_reading
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import BalanceReading


@dataclass(frozen=True)
class Line:
    """``ledger_minor`` is what we believe to have at Stripe, ``stripe_minor`` what Stripe says, pending included."""

    currency: str
    ledger_minor: int
    stripe_minor: int

    @property
    def difference_minor(self) -> int:
        return self.stripe_minor - self.ledger_minor


def compare_with_stripe() -> list[Line]:
    """One line a currency. A call or webhook still under way may differ for a moment; nothing else may."""
    believed = {currency: -minor for kind, currency, minor in ledger.trial_balance() if kind is AccountKind.CLEARING}
    finish_reading()
    told = gateway().read_balance()
    nothing = BalanceReading(0, 0)
    return [
        Line(currency, believed.get(currency, 0), there.available_minor + there.pending_minor)
        for currency in sorted(believed.keys() | told.keys())
        for there in [told.get(currency, nothing)]
    ]
