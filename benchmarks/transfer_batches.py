"""Due rewards into transfers: in chunks beside one transaction for all of them, and beside one payee at a time."""
import os
import resource
import time
from collections.abc import Callable

from sqlalchemy import func, insert, select

from benchmarks.figures import Figure
from benchmarks.product import product
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.ledger import Movement
from marketplace.payments.models import (
    AccountKind,
    BatchState,
    ConnectedAccount,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
    TransferBatch,
)
from marketplace.payments.money_out import batches, transfers

REWARDS = int(os.environ.get("FINGERPOST_BENCH_REWARDS", "100000"))
A_PAYEE = 4  # Rewards that each is owed.
ONE_BY_ONE = 200  # Payees; the rest would take many minutes.
MOST_MEMORY = 512  # MiB of the whole process.


def measure() -> list[Figure]:
    payees = REWARDS // A_PAYEE
    with product():
        business_id = _make_business()
        chunked = _per_transfer(business_id, payees, _run_in_chunks, "chunks")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        again = _rerun()
        whole = _per_transfer(business_id, payees, _run_at_once, "whole")
        single = _per_transfer(business_id, ONE_BY_ONE, _run_singly, "single")
    told = f"{chunked * 1e6:.0f} us a transfer of {A_PAYEE} rewards; whole {whole * 1e6:.0f}; singly {single * 1e6:.0f}"
    return [
        Figure(f"{REWARDS:,} due rewards: chunks / one transaction", round(whole / chunked, 2), "x", 0.8, "higher",
               told),
        Figure("due rewards: chunks / one payee at a time", round(single / chunked, 1), "x", 20, "higher"),
        Figure("due rewards: memory of the process", round(memory), "MiB", MOST_MEMORY, "lower"),
        Figure("due rewards: transfers that a rerun makes", again, "", 0, "lower"),
    ]


def _per_transfer(business_id: str, payees: int, run: Callable[[], None], name: str) -> float:
    """Seconds of the wall for each transfer, the count of the batch not among them."""
    _make_due(business_id, payees, name)
    if run is not _run_singly:
        with transaction():
            batch = batches._plan(by="benchmark", slot=None)
            assert batch is not None
            batches._approve(batch, by="benchmark")
        with transaction():
            batches.run_batch(batch.id)  # It says that it runs.
    before = db.session.scalar(select(func.count(Transfer.id))) or 0
    db.session.rollback()
    began = time.perf_counter()
    run()
    spent = time.perf_counter() - began
    made = (db.session.scalar(select(func.count(Transfer.id))) or 0) - before
    db.session.rollback()
    assert made == payees, f"{made} transfers of {payees}"
    return spent / made


def _running() -> str:
    found = db.session.scalars(select(TransferBatch.id).filter_by(state=BatchState.RUNNING)).one()
    db.session.rollback()
    return found


def _run_in_chunks() -> None:
    batch_id = _running()
    while True:
        with transaction():
            batches.run_batch(batch_id)
            if db.session.get_one(TransferBatch, batch_id).state is BatchState.DONE:
                return
        db.session.remove()


def _run_at_once() -> None:
    """The very same statements, a hundred lines at a time, with one commit at the end: the ceiling."""
    batch_id = _running()
    with transaction():
        while db.session.get_one(TransferBatch, batch_id).state is not BatchState.DONE:
            batches.run_batch(batch_id)
            db.session.flush()
            db.session.expunge_all()
    db.session.remove()


def _run_singly() -> None:
    owed = select(Payable.payee_id).where(Payable.state == PayableState.OWED).distinct()
    for payee_id in db.session.scalars(owed).all():
        with transaction():
            transfers.request_transfers(payee_id)
        db.session.remove()


def _rerun() -> int:
    before = db.session.scalar(select(func.count(Transfer.id))) or 0
    for batch_id in db.session.scalars(select(TransferBatch.id)).all():
        with transaction():
            batches.run_batch(batch_id)
    return (db.session.scalar(select(func.count(Transfer.id))) or 0) - before


def _make_business() -> str:
    with transaction():
        business = Business(name="Westside Auto", slug="westside-auto")
        db.session.add(business)
        db.session.flush()
        return business.id


def _make_due(business_id: str, payees: int, name: str) -> None:
    """By the rows: the verbs would take hours."""
    for start in range(0, payees, 1_000):
        with transaction():
            _make_some_due(business_id, range(start, min(start + 1_000, payees)), name)
        db.session.remove()


def _make_some_due(business_id: str, numbers: range, name: str) -> None:
    people = [{"id": new_id("user"), "name": "Payee", "email": f"{name}{number}@example.com", "password_hash": "-",
               "is_admin": False, "created_at": clock.now()} for number in numbers]
    db.session.execute(insert(User), people)
    db.session.execute(insert(ConnectedAccount), [
        {"user_id": one["id"], "country": "US", "currency": "usd", "state": PayeeState.READY, "version": 1,
         "idempotency_key": new_id("key"), "stripe_account_id": new_id("acct")} for one in people])
    owed = [{"id": new_id("reward"), "payee_id": one["id"], "business_id": business_id, "amount_minor": 25_00,
             "currency": "usd", "state": PayableState.OWED, "version": 1} for one in people for _ in range(A_PAYEE)]
    clearing, amount = ledger.clearing("usd"), Money(25_00, "usd")
    accounts = ledger.accounts(AccountKind.PAYABLE, {str(one["id"]): "usd" for one in owed})
    ledger.post_many([
        Movement("reward_released", f"{one['id']}:released", [(clearing, -amount), (accounts[str(one["id"])], amount)])
        for one in owed])
    db.session.execute(insert(Payable), owed)
