"""What should be, in plain whole numbers: written without a look at how the product counts."""
from dataclasses import dataclass, field

FEE_BPS, WHOLE = 500, 10_000


@dataclass(frozen=True)
class Promise:
    """A bounty's terms as they were on the day of the lead."""

    currency: str
    flat: int | None = None
    bps: int | None = None
    cap: int | None = None
    hold_days: int = 30

    @property
    def most(self) -> int:
        return self.flat or self.cap or 0

    @property
    def cost(self) -> int:
        return self.most + fee_on(self.most)

    def earns(self, sale: int) -> int:
        return self.flat or min(sale * (self.bps or 0) // WHOLE, self.cap or 0)


def fee_on(reward: int) -> int:
    return reward * FEE_BPS // WHOLE


def card_fee(amount: int) -> int:
    """Stripe's 2.9 % + 30, rounded half up."""
    return (amount * 290 + 5_000) // WHOLE + 30


@dataclass
class Sale:
    """``clawed`` has, for each refund in turn, what it takes back of reward and fee."""

    amount: int
    reward: int
    fee: int
    won_at: float
    refunded: int = 0
    clawed: list[tuple[int, int]] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    def refund(self, minor: int, number: str) -> None:
        self.refunded += minor
        self.numbers.append(number)
        due = (self.reward * self.refunded // self.amount, self.fee * self.refunded // self.amount)
        before = self.taken
        self.clawed.append((due[0] - before[0], due[1] - before[1]))

    @property
    def taken(self) -> tuple[int, int]:
        return sum(c for c, _ in self.clawed), sum(f for _, f in self.clawed)


@dataclass
class Lead:
    id: str
    bounty: str
    promise: Promise
    terms_id: str
    referrer: str
    post: str | None
    email: str | None
    submitted_at: float
    number: int
    duplicate_of: str | None = None
    appealed: bool = False
    refused_by: str = ""
    consent_until: float = 0.0
    confirmed: bool = False
    sale: Sale | None = None


@dataclass
class Bounty:
    id: str
    business: str
    owner: str
    promise: Promise
    terms: int = 1


@dataclass
class Model:
    """By id. ``orders`` are the order numbers that each business has counted."""

    bounties: dict[str, Bounty] = field(default_factory=dict)
    fundings: dict[str, tuple[str, int, str]] = field(default_factory=dict)  # bounty, amount, currency
    leads: dict[str, Lead] = field(default_factory=dict)
    orders: set[tuple[str, str]] = field(default_factory=set)
    never: set[str] = field(default_factory=set)  # posts and addresses that nobody may point at again
