"""What every resource of the sandbox works on: the store, the clock, and the call being answered."""
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from marketplace.payments.sandbox.encoding import Params
from marketplace.payments.sandbox.sandbox_clock import SandboxClock
from marketplace.payments.sandbox.store import Store

if TYPE_CHECKING:
    from marketplace.payments.sandbox.webhooks import Webhooks

API_VERSION = "2026-05-27.dahlia"


@dataclass
class World:
    """``public_url`` is where browsers reach the hosted pages."""

    store: Store
    clock: SandboxClock
    public_url: str = ""
    refund_plan: list[str] = field(default_factory=list)
    payout_interval: str = "manual"
    country: str = "us"  # Of the platform's own account.
    balance_skew: dict[str, int] = field(default_factory=dict)
    _webhooks: "Webhooks | None" = None

    @property
    def webhooks(self) -> "Webhooks":
        assert self._webhooks is not None  # Set while it is built by create_sandbox.
        return self._webhooks

    def attach(self, webhooks: "Webhooks") -> None:
        self._webhooks = webhooks

    def now(self) -> int:
        return self.clock.now()


@dataclass(frozen=True)
class Call:
    """One API call. ``args`` are the ids in its path, ``account`` the Stripe-Account it speaks for."""

    world: World
    params: Params
    args: tuple[str, ...] = ()
    key: str = ""
    account: str = ""

    @property
    def store(self) -> Store:
        return self.world.store

    def now(self) -> int:
        return self.world.now()
