"""What Stripe tells us, in our words: frozen answers and the three ways a call can fail. Imports no stripe."""
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from marketplace.foundation.money import Money


class TemporaryFailure(Exception):
    """Not done, or not known to be done: try again later with the *same* key."""


class OutcomeUnknown(TemporaryFailure):
    """The key is burnt (a stored 5xx, or other parameters under it): look the object up before using a new key."""


class PermanentFailure(Exception):
    """Stripe said no, and would say no again to this key. ``code`` is Stripe's (``balance_insufficient``...)."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Checkout:
    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class PaidWith:
    """A payment method as people know it. ``expires`` is ``2031-12``, for cards only."""

    id: str
    kind: str  # Stripe's: card, us_bank_account, sepa_debit...
    brand: str
    last4: str
    expires: str | None
    mark: str | None = None  # Stripe's fingerprint: the same card or bank account has the same, wherever it is used.

    @property
    def words(self) -> str:
        name = self.brand.replace("_", " ").capitalize() if self.kind == "card" else self.kind.replace("_", " ")
        return f"{name} ending in {self.last4}" if self.last4 else name


@dataclass(frozen=True)
class CheckoutReading:
    """``fee`` and ``available_on`` are known once the charge has its balance transaction.

    ``has_failed``: the payer confirmed it, and their bank said no later on; ``failure`` says why.
    """

    status: Literal["open", "complete", "expired"]
    payment_status: Literal["paid", "unpaid", "no_payment_required"]
    amount: Money
    payment_intent_id: str | None
    charge_id: str | None
    fee: Money | None
    available_on: datetime | None
    livemode: bool
    has_failed: bool = False
    failure: str | None = None
    paid_with: PaidWith | None = None


@dataclass(frozen=True)
class PaymentReading:
    """A payment made without a page. ``status`` is Stripe's: succeeded, processing, requires_action,
    requires_payment_method (refused: ``failure_code`` and ``failure`` say why) or canceled."""

    payment_intent_id: str
    status: str
    amount: Money
    charge_id: str | None
    fee: Money | None
    available_on: datetime | None
    livemode: bool
    failure_code: str | None
    failure: str | None
    paid_with: PaidWith | None


@dataclass(frozen=True)
class ConnectedAccountReading:
    """``transfers_status`` is active, pending, restricted or unsupported; money may go only to an active one."""

    transfers_status: str
    awaiting: Literal["user", "stripe"] | None
    requirements: list[str]
    closed: bool
    livemode: bool
    due_at: datetime | None = None  # When Stripe wants its answers at the latest.
    restriction: str | None = None  # Its code for why no money may go there now.
    bank_marks: tuple[str, ...] = ()  # One for each bank account.

    @property
    def is_ready(self) -> bool:
        return self.transfers_status == "active" and not self.closed


@dataclass(frozen=True)
class PayoutReading:
    """``status`` is pending, in_transit, paid, failed or canceled; one that was paid may still fail."""

    id: str
    amount: Money
    status: str
    made_at: datetime
    arrives_on: datetime
    failure_code: str | None


@dataclass(frozen=True)
class TransferReading:
    amount: Money
    amount_reversed: Money
    reversed: bool


@dataclass(frozen=True)
class RefundReading:
    """``status`` is pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    failure_reason: str | None


@dataclass(frozen=True)
class MadeRefundReading(RefundReading):
    """A refund whoever made it; ``refund_id`` is the id of our row, where we did."""

    amount: Money
    charge_id: str | None
    payment_intent_id: str | None
    refund_id: str | None


@dataclass(frozen=True)
class DisputeMovement:
    """One balance transaction of a dispute: ``taken`` out of our balance (below zero: given back), and Stripe's fee."""

    id: str
    taken: Money
    fee: Money


@dataclass(frozen=True)
class DisputeReading:
    """``status`` is Stripe's; ``submissions`` how often evidence went to the bank (once at most).

    ``is_refundable``: whether Stripe still refunds what is left of the payment.
    """

    id: str
    status: str
    reason: str
    amount: Money
    charge_id: str | None
    payment_intent_id: str | None
    due_by: datetime | None
    has_evidence: bool
    submissions: int
    movements: tuple[DisputeMovement, ...]
    opened_at: datetime
    livemode: bool
    is_refundable: bool


@dataclass(frozen=True)
class FraudWarningReading:
    """``is_actionable``: neither disputed nor wholly refunded yet."""

    id: str
    charge_id: str | None
    fraud_type: str
    is_actionable: bool
    livemode: bool


@dataclass(frozen=True)
class BalanceReading:
    """``reserved`` is ours too, kept by Stripe against connected accounts that are in debt."""

    available_minor: int
    pending_minor: int
    reserved_minor: int = 0

    @property
    def total_minor(self) -> int:
        return self.available_minor + self.pending_minor + self.reserved_minor


@dataclass(frozen=True)
class BalanceTransaction:
    """One movement of the platform's balance; amounts in minor units, ``net = amount - fee``."""

    id: str
    type: str
    reporting_category: str
    amount: int
    fee: int
    net: int
    currency: str
    source: str | None
    our_id: str | None  # The id of our row, in the metadata of what we made.
    destination: str | None  # Of a transfer: the connected account.
    created: datetime
    available_on: datetime


@dataclass(frozen=True)
class MovementPage:
    movements: list[BalanceTransaction]
    is_last: bool


@dataclass(frozen=True)
class EventPage:
    """Events as Stripe wrote them; ``following`` is the mark of the next page, None on the last."""

    events: list[dict[str, Any]]
    following: str | None


@dataclass(frozen=True)
class EventReading:
    """Only a hint that something happened to an object: fetch the object itself."""

    id: str
    type: str
    object_id: str | None
    object_type: str | None
    created: datetime
    livemode: bool


# Stripe names what it needs by field path; the longest prefix found here wins.
PLAIN_WORDS = {
    "identity.individual.given_name": "your first name",
    "identity.individual.surname": "your last name",
    "identity.individual.date_of_birth": "your date of birth",
    "identity.individual.address": "your home address",
    "identity.individual.email": "your e-mail address",
    "identity.individual.phone": "your phone number",
    "identity.individual.id_numbers": "your tax or identity number",
    "identity.individual.documents": "a photo of your identity document",
    "identity.individual": "your personal details",
    "identity.business_details": "your business details",
    "identity.attestations.terms_of_service": "your agreement to Stripe’s terms",
    "identity.entity_type": "whether you are a person or a company",
    "identity.country": "your country",
    "defaults.profile": "what you do",
    "default_outbound_destination": "a bank account to be paid to",
    "configuration.recipient.default_outbound_destination": "a bank account to be paid to",
    "external_account": "a bank account to be paid to",
}


def put_plainly(requirement: str) -> str:
    """Stripe's ``identity.individual.date_of_birth`` as "your date of birth"."""
    path = requirement
    while path:
        if path in PLAIN_WORDS:
            return PLAIN_WORDS[path]
        path = path.rpartition(".")[0]
    return requirement.rpartition(".")[2].replace("_", " ")
