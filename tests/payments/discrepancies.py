"""Every kind of difference that the books can have, injected anywhere in a market of three currencies, as dice say.

Each injection says what must be found for it, by name, subject, currency and worth, from what it did to Stripe or to
our rows; never by asking the code that looks for it.
"""
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import (
    AccountKind,
    Funding,
    FundingState,
    LedgerAccount,
    LedgerEntry,
    Payable,
    Refund,
    RefundState,
    ReversalState,
    StripeEvent,
    StripeMovement,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_in.funding import request_funding
from marketplace.payments.money_in.refunds import request_refund, send_refund
from marketplace.payments.money_out import payables, reversals
from marketplace.payments.money_out.transfers import request_transfers, send_transfer
from tests.browsing import end_reading
from tests.payments.forging import forge, forge_posting, forget_entry
from tests.payments.money_steps import ask_to_fund, fresh, owe
from tests.sandbox_server import SandboxServer

CURRENCIES = ("usd", "eur", "jpy")
Named = tuple[str, str, str]  # Name, subject, currency.
Found = dict[Named, int]
HAPPENED: dict[Any, set[Any]] = {
    Funding: {FundingState.PAID}, Refund: {RefundState.SENT, RefundState.SUCCEEDED},
    Transfer: {TransferState.SENT, TransferState.PARTLY_REVERSED}, TransferReversal: {ReversalState.DONE},
}
ENTRY = {Funding: "paid", Refund: "sent", Transfer: "sent", TransferReversal: "done"}
NOT_POSTED = {Funding: "amount_differs", Refund: "refund_not_posted", Transfer: "transfer_not_posted",
              TransferReversal: "reversal_not_posted"}  # Of a charge, the entry of its fee is still there.


class NothingLeft(Exception):
    """All that such a difference can befall is hit already; nothing was done."""


@dataclass
class Scene:
    """One market, what the dice have hit of it, and what must be found. ``is_long``: more than a day will pass."""

    stripe: SandboxServer
    dice: random.Random
    is_long: bool
    wes_id: str
    business_id: str
    payees: dict[str, str]  # By currency.
    hit: set[str] = field(default_factory=set)
    held_back: set[Named] = field(default_factory=set)  # While transfers are stopped, no run begins to name these as late.
    told: set[Named] = field(default_factory=set)  # By a run of before; what is late stays named until it has moved on.
    found: Counter[Named] = field(default_factory=Counter)
    serial: Any = field(default_factory=lambda: count(1))

    def note(self, found: Found) -> None:
        for name, minor in found.items():
            self.found[name] += minor

    def expected(self, *, is_stopped: bool) -> Found:
        """What is worth nothing any more, because two cancel each other out, is no difference."""
        named = {one: minor for one, minor in self.found.items() if minor or not one[2]}
        named |= {("balance_negative", currency, ""): 0 for currency in CURRENCIES if self.balance(currency) < 0}
        silent = self.held_back - self.told if is_stopped else set()
        return {one: minor for one, minor in named.items() if one not in silent}

    def note_told(self, found: Found) -> None:
        self.told |= found.keys()

    def moved_on(self, name: str, subject: str) -> None:
        del self.found[name, subject, ""]

    def balance(self, currency: str) -> int:
        told = self.stripe.control.read_balances()["platform"].get(currency, {"available": 0, "pending": 0})
        return sum(told.values()) + self.stripe.box.world.balance_skew.get(currency, 0)

    def new(self, what: str) -> str:
        return f"{what}_{next(self.serial)}"

    def minor(self) -> int:
        return self.dice.randint(1_000, 9_000)

    def money(self) -> Money:
        return Money(self.minor(), self.dice.choice(CURRENCIES))

    def either_way(self) -> int:
        return self.dice.choice((-1, 1)) * self.minor()

    def row(self, *models: Any, wanted: Callable[[Any], bool] = lambda row: True) -> Any:
        """One that has happened, and that nothing has hit."""
        end_reading()
        model = self.dice.choice(models)
        free = [row for row in db.session.scalars(select(model).order_by(model.created_at, model.id))
                if row.state in HAPPENED[model] and row.id not in self.hit and wanted(row)]
        if not free:
            raise NothingLeft
        row = self.dice.choice(free)
        self.hit.add(row.id)
        return row

    def unread(self, *models: Any) -> Any:
        return self.row(*models, wanted=lambda row: not is_read(row))

    def payee(self) -> tuple[User, str]:
        """To whom nothing is on its way."""
        free = [currency for currency in CURRENCIES if f"on its way {currency}" not in self.hit]
        if not free:
            raise NothingLeft
        currency = self.dice.choice(free)
        self.hit.add(f"on its way {currency}")
        return fresh(User, self.payees[currency]), currency

    def movement(self, row: Any) -> dict[str, Any]:
        """The one in which it happened."""
        found: dict[str, Any] = self.stripe.control.read_movements(source=source(row))["movements"][-1]
        return found

    def made(self, do: Callable[[], object]) -> list[dict[str, Any]]:
        """Stripe's movements because of this."""
        before = {one["id"] for one in self.stripe.control.read_movements()["movements"]}
        do()
        return [one for one in self.stripe.control.read_movements()["movements"] if one["id"] not in before]

    def worth(self, name: str, do: Callable[[], object]) -> Found:
        """Each movement that this makes is such a difference, and nothing else is."""
        return {(name, one["id"], one["currency"]): one["net"] for one in self.made(do)}

    def move(self, name: str, *types: str, amount: int, fee: int = 0) -> Found:
        currency = self.dice.choice(CURRENCIES)
        return self.worth(name, lambda: self.stripe.control.add_movement(
            type=self.dice.choice(types), amount=amount, currency=currency, fee=fee))


def source(row: Any) -> str:
    return str(getattr(row, {Funding: "charge_id", Refund: "stripe_refund_id", Transfer: "stripe_transfer_id",
                             TransferReversal: "stripe_reversal_id"}[type(row)]))


def is_read(row: Any) -> bool:
    """By a run of before: kept as it was, and explained."""
    return db.session.scalar(select(StripeMovement.id).filter_by(source_id=source(row)).limit(1)) is not None


def entry_of(reference: str) -> LedgerEntry:
    end_reading()
    return db.session.scalars(select(LedgerEntry).filter_by(reference=reference)).one()


# ---- Money at Stripe of which we have no row, or no entry

def charge_unknown(scene: Scene) -> Found:
    amount, name = scene.money(), scene.new("fund_none")
    page = scene.stripe.gateway().open_checkout(
        funding_id=name, amount=amount, description="Not ours", customer_email="x@example.com",
        success_url="http://localhost/ok", cancel_url="http://localhost/no", group="none", key=name,
        expires_at=clock.now() + timedelta(hours=2))
    return scene.worth("charge_unknown", lambda: scene.stripe.control.pay_checkout(page.id))


def charge_not_posted(scene: Scene) -> Found:
    funding = ask_to_fund(fresh(User, scene.wes_id), scene.money(), scene.new("bounty"))
    funding_id, page = funding.id, funding.checkout_session_id
    found = scene.worth("charge_not_posted", lambda: scene.stripe.control.pay_checkout(page))
    return found | ({("funding_stale", funding_id, ""): 0} if scene.is_long else {})


def refund_unknown(scene: Scene) -> Found:
    funding = scene.row(Funding, wanted=lambda row: row.amount_minor - row.refunded_minor > 20_000)
    scene.hit.remove(funding.id)  # Its own entries stay as they are.
    amount, name = Money(scene.minor(), funding.currency), scene.new("refund_none")
    payment, charge = funding.payment_intent_id, funding.charge_id
    if scene.dice.random() < 0.5:
        return scene.worth("refund_unknown", lambda: scene.stripe.control.refund_by_hand(charge, amount=amount.minor))
    return scene.worth("refund_unknown", lambda: scene.stripe.gateway().refund_payment(
        refund_id=name, payment_intent_id=payment, amount=amount, key=name))


def refund_failure_not_posted(scene: Scene) -> Found:
    refund_id = source(scene.row(Refund))
    return scene.worth("refund_failure_not_posted", lambda: scene.stripe.control.settle_refund(refund_id, status="failed"))


def transfer_unknown(scene: Scene) -> Found:
    transfer = scene.row(Transfer)
    scene.hit.remove(transfer.id)
    destination, amount, name = transfer.destination, scene.money(), scene.new("transfer_none")
    return scene.worth("transfer_unknown", lambda: scene.stripe.gateway().send_transfer(
        transfer_id=name, destination=destination, amount=amount, group="none", key=name))


def transfer_doubled(scene: Scene) -> Found:
    transfer_id = source(scene.row(Transfer))
    return scene.worth("transfer_doubled", lambda: scene.stripe.control.double_transfer(transfer_id))


def transfer_not_posted(scene: Scene) -> Found:
    """Sent, and whoever was to settle it never came back; or its entry is gone."""
    if scene.dice.random() < 0.4:
        return forgotten(scene, scene.row(Transfer))
    transfer_id = request_one(scene)
    transfer = fresh(Transfer, transfer_id)
    destination, amount = transfer.destination, transfer.amount
    found = scene.worth("transfer_not_posted", lambda: scene.stripe.gateway().send_transfer(
        transfer_id=transfer_id, destination=destination, amount=amount, group=transfer_id, key=f"lost {transfer_id}"))
    return found | (late_transfer(scene, transfer_id) if scene.is_long else {})


def request_one(scene: Scene) -> str:
    payee, currency = scene.payee()
    owe(payee, scene.business_id, Money(scene.dice.randint(1_000, 9_000), currency), scene.new("reward_late"), f"cars_{currency}")
    with transaction():
        request_transfers(payee.id)
    end_reading()
    return db.session.scalars(select(Transfer.id).filter_by(state=TransferState.REQUESTED, currency=currency)).one()


def late_transfer(scene: Scene, transfer_id: str) -> Found:
    name = ("transfer_stale", transfer_id, "")
    if fresh(Transfer, transfer_id).state is TransferState.REQUESTED:
        scene.held_back.add(name)
    return {name: 0}


def reversal_unknown(scene: Scene) -> Found:
    transfer = scene.row(Transfer)
    scene.hit.remove(transfer.id)
    transfer_id, amount, name = source(transfer), Money(scene.dice.randint(1, 500), transfer.currency), scene.new("back")
    return scene.worth("reversal_unknown", lambda: scene.stripe.gateway().reverse_transfer(
        reversal_id=name, stripe_transfer_id=transfer_id, amount=amount, key=name))


def adjustment_unexplained(scene: Scene) -> Found:
    return scene.move("adjustment_unexplained", "adjustment", amount=scene.either_way(), fee=scene.dice.choice((0, 1500)))


def payout_unexplained(scene: Scene) -> Found:
    amount, does_fail = scene.money(), scene.dice.random() < 0.3

    def pay_out() -> None:
        payout = scene.stripe.control.pay_out(amount=amount.minor, currency=amount.currency)
        if does_fail:
            scene.stripe.control.fail_payout(payout["id"])
    return scene.worth("payout_unexplained", pay_out)


def topup_unexplained(scene: Scene) -> Found:
    amount = scene.money()
    if scene.dice.random() < 0.3:
        return scene.move("topup_unexplained", "topup_reversal", amount=-amount.minor)
    return scene.worth("topup_unexplained", lambda: scene.stripe.control.top_up(
        amount=amount.minor, currency=amount.currency))


def collection_unexplained(scene: Scene) -> Found:
    return scene.move("collection_unexplained", "connect_collection_transfer", amount=scene.either_way())


def movement_unexplained(scene: Scene) -> Found:
    return scene.move("movement_unexplained", "climate_order_purchase", "contribution", "advance", "issuing_transaction",
                      "application_fee", "stripe_balance_payment_debit", amount=scene.either_way())


# ---- Movements that Stripe has otherwise, or not at all

def fee_differs(scene: Scene) -> Found:
    movement = scene.movement(scene.unread(Funding))
    fee = movement["fee"] + scene.dice.choice((-1, 1)) * scene.dice.randint(1, 29)
    scene.stripe.control.change_movement(movement["id"], fee=fee)
    return {("fee_differs", movement["id"], movement["currency"]): movement["fee"] - fee}


def amount_differs(scene: Scene) -> Found:
    movement, more = scene.movement(scene.unread(*HAPPENED)), scene.either_way() // 100
    scene.stripe.control.change_movement(movement["id"], amount=movement["amount"] + more)
    return {("amount_differs", movement["id"], movement["currency"]): more}


def currency_differs(scene: Scene) -> Found:
    movement = scene.movement(scene.unread(Transfer, TransferReversal, Refund))
    other = scene.dice.choice([one for one in CURRENCIES if one != movement["currency"]])
    scene.stripe.control.change_movement(movement["id"], currency=other)
    return {("currency_differs", movement["id"], movement["currency"]): -movement["net"],
            ("currency_differs", movement["id"], other): movement["net"]}


def movement_missing(scene: Scene) -> Found:
    row = scene.row(*HAPPENED)
    movement, was_read, row_id, model = scene.movement(row), is_read(row), row.id, type(row)
    scene.stripe.control.forget_movement(movement["id"])
    if was_read:  # It is kept, and explained: what is missing is money.
        return {("balance_differs", movement["currency"], movement["currency"]): -movement["net"]}
    found = {("movement_missing", entry_of(f"{row_id}:{ENTRY[model]}").id, movement["currency"]): -movement["amount"]}
    if movement["fee"]:
        found["movement_missing", entry_of(f"{row_id}:fee").id, movement["currency"]] = movement["fee"]
    return found


def balance_differs(scene: Scene) -> Found:
    currency, more = scene.dice.choice(CURRENCIES), scene.either_way()
    skew = scene.stripe.box.world.balance_skew.get(currency, 0)
    scene.stripe.control.skew_balance(currency=currency, amount=skew + more)
    return {("balance_differs", currency, currency): more}


def balance_negative(scene: Scene) -> Found:
    """Stripe's own price, which is booked by its rule; what is left of the balance says the rest."""
    currency = scene.dice.choice(CURRENCIES)
    scene.stripe.control.add_movement(type=scene.dice.choice(("stripe_fee", "tax_fee")), currency=currency,
                                      amount=-max(scene.balance(currency), 0) - scene.minor())
    return {}


def held_in_reserve(scene: Scene) -> Found:
    currency, amount = scene.dice.choice(CURRENCIES), -scene.minor()
    scene.stripe.control.add_movement(type=scene.dice.choice((
        "reserve_hold", "payment_network_reserve_hold", "payout_minimum_balance_hold")), amount=amount, currency=currency)
    return {("held_in_reserve", currency, currency): amount}


# ---- What stands still

def funding_stale(scene: Scene) -> Found:
    wes, amount, purpose = fresh(User, scene.wes_id), scene.money(), scene.new("bounty")
    if scene.dice.random() < 0.5:
        return {("funding_stale", ask_to_fund(wes, amount, purpose).id, ""): 0}
    with transaction():
        return {("funding_stale", request_funding(scene.business_id, purpose, amount, by=wes).id, ""): 0}


def transfer_stale(scene: Scene) -> Found:
    transfer_id = request_one(scene)
    if scene.dice.random() < 0.5:
        with transaction():
            send_transfer(transfer_id)
    return late_transfer(scene, transfer_id)


def refund_stale(scene: Scene) -> Found:
    funding = scene.row(Funding, wanted=lambda row: ledger.find_balance(
        AccountKind.FUNDS, row.purpose_id, row.currency).minor > 20_000)
    with transaction():
        funding = db.session.get_one(Funding, funding.id, with_for_update=True)
        refund = request_refund(funding, Money(scene.minor(), funding.currency), by=audit.SYSTEM,
                                source=ledger.account(AccountKind.FUNDS, funding.purpose_id, funding.currency))
        if scene.dice.random() < 0.5:
            send_refund(refund.id)
        return {("refund_stale", refund.id, ""): 0}


def reversal_stale(scene: Scene) -> Found:
    payable = paid_by(scene.row(Transfer))
    payable_id, amount, name = payable.id, Money(scene.dice.randint(1, 500), payable.currency), scene.new("clawback_late")
    with transaction():
        payables.take_back(payable_id, amount, clawback_id=name,
                           credit=ledger.account(AccountKind.FUNDS, f"given_{name}", amount.currency))
        found = reversals.find_reversal(name)
        assert found is not None
        reversals.send_reversal(found.id)
        return {("reversal_stale", found.id, ""): 0}


def paid_by(transfer: Transfer) -> Payable:
    return db.session.scalars(select(Payable).filter_by(transfer_id=transfer.id)).one()


def event_unhandled(scene: Scene) -> Found:
    event_id, kind = scene.new("evt_stuck"), scene.dice.choice(("refund.updated", "checkout.session.completed", "payout.failed"))
    with transaction():
        db.session.add(StripeEvent(id=event_id, type=kind, object_id="re_1", livemode=False))
    return {("event_unhandled", event_id, ""): 0}


# ---- A hand in the database

def forgotten(scene: Scene, row: Any) -> Found:
    """The entry that says that it happened. Where a run had read of it, the sum alone betrays it."""
    movement, was_read, row_id, model = scene.movement(row), is_read(row), row.id, type(row)
    forget_entry(f"{row_id}:{ENTRY[model]}")
    own = {} if model is TransferReversal else {("account_differs", row_id, ""): 0}  # A reversal passes no account of its own.
    return {("row_without_posting", row_id, ""): 0, **own, **unposted(NOT_POSTED[model], movement, movement["net"], was_read)}


def unposted(name: str, movement: dict[str, Any], minor: int, was_read: bool) -> Found:
    currency = movement["currency"]
    return {("ledger_unsound", currency, currency) if was_read else (name, movement["id"], currency): minor}


def refund_not_posted(scene: Scene) -> Found:
    return forgotten(scene, scene.row(Refund))


def reversal_not_posted(scene: Scene) -> Found:
    return forgotten(scene, scene.row(TransferReversal))


def fee_not_posted(scene: Scene) -> Found:
    row = scene.row(Funding)
    movement, was_read = scene.movement(row), is_read(row)
    forget_entry(f"{row.id}:fee")
    return unposted("fee_not_posted", movement, -movement["fee"], was_read)


def row_without_posting(scene: Scene) -> Found:
    """Its entry is said to be of something else."""
    row = scene.row(*HAPPENED)
    movement, was_read, row_id, model = scene.movement(row), is_read(row), row.id, type(row)
    entry = entry_of(f"{row_id}:{ENTRY[model]}").id
    forge("UPDATE ledger_entries SET reference = :other WHERE id = :id", other=scene.new("elsewhere"), id=entry)
    missing = {} if was_read else {
        (NOT_POSTED[model], movement["id"], movement["currency"]): movement["amount"],
        ("movement_missing", entry, movement["currency"]): -movement["amount"]}
    return {("row_without_posting", row_id, ""): 0, **missing}


def posting_without_row(scene: Scene) -> Found:
    """The row says that it is still to happen: since the day before, so that it is late as well."""
    row = scene.row(*HAPPENED, wanted=lambda row: type(row) is not Transfer or f"on its way {row.currency}" not in scene.hit)
    row_id, model = row.id, type(row)
    if model is Transfer:
        scene.hit.add(f"on its way {row.currency}")
    entry = entry_of(f"{row_id}:{ENTRY[model]}").id
    if model is Funding:
        forge("UPDATE fundings SET state = 'open', paid_at = NULL WHERE id = :id", id=row_id)
        return {("posting_without_row", entry, ""): 0, ("funding_stale", row_id, ""): 0}
    known_as, late = {Refund: ("stripe_refund_id", "refund_stale"), Transfer: ("stripe_transfer_id", "transfer_stale"),
                      TransferReversal: ("stripe_reversal_id", "reversal_stale")}[model]
    forge(f"UPDATE {model.__tablename__} SET state = 'sending', {known_as} = NULL WHERE id = :id", id=row_id)
    own = {} if model is TransferReversal else {("account_differs", row_id, ""): 0}
    return {("posting_without_row", entry, ""): 0, (late, row_id, ""): 0, **own}


def account_differs(scene: Scene) -> Found:
    payable_id = paid_by(scene.row(Transfer)).id
    forge("UPDATE payables SET state = 'owed', transfer_id = NULL, amount_minor = :minor WHERE id = :id",
          minor=scene.minor(), id=payable_id)
    return {("account_differs", payable_id, ""): 0}


def below_floor(scene: Scene) -> Found:
    """More is taken out of a bounty's funds than there is, by an entry of which Stripe knows nothing."""
    funding = scene.row(Funding)
    purpose, currency, entry = funding.purpose_id, funding.currency, scene.new("entry_z")
    minor = ledger.find_balance(AccountKind.FUNDS, purpose, currency).minor + scene.minor()
    forge_posting(AccountKind.FUNDS, purpose, -minor, currency=currency, entry_id=entry)
    return {("below_floor", account_id(AccountKind.FUNDS, purpose, currency), ""): 0,
            ("movement_missing", entry, currency): minor}


def ledger_unsound(scene: Scene) -> Found:
    """One posting of an entry is another: the entry, the account, its currency and its owner's row say so."""
    row = scene.row(Transfer, Refund)
    kind, owner, what = ((AccountKind.REFUNDING, row.id, "requested") if isinstance(row, Refund)
                         else (AccountKind.PAYABLE, paid_by(row).id, "released"))
    currency, entry = row.currency, entry_of(f"{owner}:{what}").id
    forge("UPDATE postings SET amount_minor = amount_minor + :more WHERE entry_id = :id AND amount_minor > 0",
          more=scene.minor(), id=entry)
    return {("ledger_unsound", entry, ""): 0, ("ledger_unsound", currency, ""): 0,
            ("ledger_unsound", account_id(kind, owner, currency), ""): 0, ("account_differs", owner, ""): 0}


def account_id(kind: AccountKind, owner: str, currency: str) -> str:
    return str(db.session.scalars(select(LedgerAccount.id).filter_by(kind=kind, owner_id=owner, currency=currency)).one())


# In the order in which they may come together: what needs transfers to flow, then the rest, then hands in the database.
FLOWING = (transfer_not_posted, transfer_stale)
AT_STRIPE = (
    charge_unknown, charge_not_posted, refund_unknown, refund_failure_not_posted, transfer_unknown, transfer_doubled,
    reversal_unknown, adjustment_unexplained, payout_unexplained, topup_unexplained, collection_unexplained,
    movement_unexplained, fee_differs, amount_differs, currency_differs, movement_missing, balance_differs, held_in_reserve,
    funding_stale, refund_stale, reversal_stale, event_unhandled)
BY_HAND = (refund_not_posted, reversal_not_posted, fee_not_posted, row_without_posting, posting_without_row,
           account_differs, below_floor, ledger_unsound)
LAST = (balance_negative,)  # Whatever came before must not lift it again.
KINDS = (*FLOWING, *AT_STRIPE, *BY_HAND, *LAST)
STALE = (transfer_stale, funding_stale, refund_stale, reversal_stale)
