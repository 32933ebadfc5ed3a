"""Due rewards into transfers: in chunks, beside one transaction for all, plain SQL, and a transaction for each.

The world is that of the payout runs this is measured against: fifty rewards are due to each payee, and one by one means
a transaction for each reward. Every kind takes its turn in every round.

Plain SQL writes the same rows of the same size into the same tables, under the same constraints and triggers:
transfers, accounts, postings, entries with a fingerprint, the audit trail, what is promised, and the marks. It looks at
none of the product's reasons (who is ready, stopped, waiting, or owed more than was approved) and reads nothing back.
"""
import os
import statistics
import time
from collections.abc import Callable, Sequence

from sqlalchemy import delete, func, insert, select, update

from benchmarks.figures import Figure, peak_memory
from benchmarks.product import product, settle
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.models import (
    AccountKind,
    BatchLine,
    BatchState,
    ConnectedAccount,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
    TransferBatch,
)
from marketplace.payments.money_out import batches, transfers

REWARDS = int(os.environ.get("BENCH_REWARDS", "100000"))  # All of them in chunks.
ROUNDS = 5
A_PAYEE = 50  # Rewards that each is owed.
AT_ONCE = 200  # Payees in one transaction, in each round: twice as many as in a chunk.
ONE_BY_ONE = 40  # Rewards with a transaction each, in each round.
REWARD = Money(25_00, "usd")
MOST_MEMORY = 512  # MiB of the whole process.


def measure(server: str | None = None) -> list[Figure]:
    on = "PostgreSQL" if server else "SQLite"
    timer = time.perf_counter if server else time.process_time
    with product(server):
        chunked = _make_payees(REWARDS // A_PAYEE, A_PAYEE)
        whole, plain = (_make_payees(AT_ONCE * ROUNDS, A_PAYEE) for _ in range(2))
        single = _make_payees(ONE_BY_ONE * ROUNDS, 1)
        big, *parts = _plan([chunked, *_cut(whole), *_cut(plain)], single)
        settle()
        runs: list[tuple[Callable[[int], None], int]] = [
            (lambda number: _run_chunks(big, len(chunked), number), len(chunked) // ROUNDS * A_PAYEE),
            (lambda number: _run_at_once(parts[number]), AT_ONCE * A_PAYEE),
            (lambda number: _run_plain(parts[ROUNDS + number]), AT_ONCE * A_PAYEE),
            (lambda number: _run_singly(single[number * ONE_BY_ONE:(number + 1) * ONE_BY_ONE]), ONE_BY_ONE)]
        peak_memory(anew=True)
        spent = _in_turns(runs, timer)
        memory = peak_memory()
        _check(len(chunked) + 2 * ROUNDS * AT_ONCE + len(single))
        again = _rerun()
    in_chunks, at_once, in_sql, one = (statistics.median(some) for some in spent)
    told = (f"a reward in chunks {in_chunks * 1e6:.0f} us, in one transaction {at_once * 1e6:.0f}, in plain SQL "
            f"{in_sql * 1e6:.0f}, by itself {one * 1e6:.0f} ({'of the wall' if server else 'of CPU'})")
    name = f"{on}: {len(chunked) * A_PAYEE:,} due rewards"
    return [
        Figure(f"{name}: one transaction / chunks", round(at_once / in_chunks, 2), "x", 0.8, "higher", told),
        Figure(f"{name}: plain SQL / chunks", round(in_sql / in_chunks, 2), "x", 0.8, "higher"),
        Figure(f"{name}: one by one / chunks", round(one / in_chunks, 1), "x", 20, "higher"),
        Figure(f"{on}: due rewards: memory of the process", round(memory), "MiB", MOST_MEMORY, "lower"),
        Figure(f"{on}: due rewards: transfers that a rerun makes", again, "", 0, "lower"),
    ]


def _in_turns(runs: Sequence[tuple[Callable[[int], None], int]], timer: Callable[[], float]) -> list[list[float]]:
    """Seconds a reward, of each run in each round."""
    spent: list[list[float]] = [[] for _ in runs]
    for number in range(ROUNDS):
        for place, (run, rewards) in enumerate(runs):
            began = timer()
            run(number)
            spent[place].append((timer() - began) / rewards)
            db.session.remove()
    return spent


def _run_chunks(batch_id: str, payees: int, number: int) -> None:
    """A fifth of the big batch; with the last one it is done."""
    count = payees // batches.AT_A_TIME // ROUNDS
    for _ in range(count if number < ROUNDS - 1 else 10 * count):
        with transaction():
            batches.run_batch(batch_id)
            is_done = db.session.get_one(TransferBatch, batch_id).state is BatchState.DONE
        db.session.remove()
        if is_done:
            return


def _run_at_once(batch_id: str) -> None:
    """The very same statements, with one commit at the end."""
    with transaction():
        while db.session.get_one(TransferBatch, batch_id).state is not BatchState.DONE:
            batches.run_batch(batch_id)
            db.session.flush()
            db.session.expunge_all()


def _run_singly(payees: Sequence[str]) -> None:
    for payee_id in payees:
        with transaction():
            transfers.request_transfers(payee_id)
        db.session.remove()


OF = "FROM transfer_batch_lines l WHERE l.batch_id = {batch}"
TRANSFER, ENTRY = "'transfer_' || substr(l.payee_id, 6)", "'entry_' || substr(l.payee_id, 6)"
OWED = """payables p JOIN transfer_batch_lines l ON l.batch_id = {batch} AND l.payee_id = p.payee_id
 WHERE p.state = 'owed'"""
PLAIN = (
    f"SELECT p.id FROM {OWED} ORDER BY p.payee_id, p.id {{lock}}",
    f"""INSERT INTO transfers (id, payee_id, business_id, currency, amount_minor, destination, state, attempt_no,
     reversed_minor, idempotency_key, created_at, version)
     SELECT {TRANSFER}, l.payee_id, l.business_id, l.currency, l.amount_minor, a.stripe_account_id, 'requested', 1, 0,
     'key_' || l.payee_id, {{now}}, 1 FROM transfer_batch_lines l
     JOIN connected_accounts a ON a.user_id = l.payee_id AND a.state = 'ready' WHERE l.batch_id = {{batch}}""",
    f"""INSERT INTO ledger_accounts (id, kind, owner_id, currency, floor_minor, created_at)
     SELECT 'acct_t' || substr(l.payee_id, 6), 'in_transit', {TRANSFER}, l.currency, 0, {{now}} {OF}""",
    f"""INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at)
     SELECT {ENTRY}, a.id, -p.amount_minor, q.seq + 1, q.balance_after_minor - p.amount_minor, {{now}}
     FROM payables p JOIN transfer_batch_lines l ON l.batch_id = {{batch}} AND l.payee_id = p.payee_id
     JOIN ledger_accounts a ON a.kind = 'payable' AND a.owner_id = p.id AND a.currency = p.currency
     JOIN postings q ON q.account_id = a.id
       AND q.seq = (SELECT max(seq) FROM postings WHERE account_id = a.id)
     WHERE p.state = 'owed'""",
    f"""INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at)
     SELECT {ENTRY}, 'acct_t' || substr(l.payee_id, 6), l.amount_minor, 1, l.amount_minor, {{now}} {OF}""",
    f"""INSERT INTO ledger_entries (id, kind, reference, fingerprint, created_at)
     SELECT {ENTRY}, 'transfer_requested', {TRANSFER} || ':requested', {{fingerprint}}, {{now}} {OF}""",
    f"""INSERT INTO audit_events (id, actor_id, action, subject_id, details, created_at)
     SELECT 'audit_' || p.id, 'system', 'payable.in_transfer', p.id,
     {{json}}('{{{{"was": "owed", "transfer": "' || {TRANSFER} || '"}}}}'{{as_json}}), {{now}} FROM {OWED}""",
    f"""INSERT INTO audit_events (id, actor_id, action, subject_id, details, created_at)
     SELECT 'audit_' || l.payee_id, 'system', 'transfer.requested', {TRANSFER},
     {{json}}('{{{{"amount_minor": ' || l.amount_minor || ', "currency": "' || l.currency || '"}}}}'{{as_json}}),
     {{now}} {OF}""",
    *(f"""INSERT INTO outbox_messages (id, job, arguments, due_at, attempts, version, created_at)
     SELECT 'job_{job}' || l.payee_id, '{job}_transfer',
     {{json}}('{{{{"transfer_id": "' || {TRANSFER} || '"}}}}'{{as_json}}), {{now}}, 0, 1, {{now}} {OF}"""
      for job in ("send", "note")),
    """UPDATE payables SET state = 'in_transfer', transfer_id = 'transfer_' || substr(payee_id, 6),
     version = version + 1 WHERE state = 'owed'
     AND payee_id IN (SELECT payee_id FROM transfer_batch_lines WHERE batch_id = {batch})""",
    """UPDATE transfer_batch_lines SET state = 'requested', transfer_id = 'transfer_' || substr(payee_id, 6)
     WHERE batch_id = {batch}""",
)


def _run_plain(batch_id: str) -> None:
    """One statement a table for all of them: what no program can be faster than, with none of its reasons looked at."""
    is_lite = db.engine.dialect.name == "sqlite"
    words = {"now": "'2026-11-22 10:00:00+00:00'" if is_lite else "now()", "json": "" if is_lite else "CAST",
             "as_json": "" if is_lite else " AS json", "lock": "" if is_lite else "FOR NO KEY UPDATE OF p",
             "fingerprint": "hex(randomblob(32))" if is_lite else "encode(sha256(l.payee_id::bytea), 'hex')"}
    with transaction():
        connection = db.session.connection()
        for statement in PLAIN:
            connection.exec_driver_sql(statement.format(batch=f"'{batch_id}'", **words))


def _rerun() -> int:
    before = db.session.scalar(select(func.count(Transfer.id))) or 0
    for batch_id in db.session.scalars(select(TransferBatch.id).filter_by(state=BatchState.DONE)).all():
        with transaction():
            batches.run_batch(batch_id)
    return (db.session.scalar(select(func.count(Transfer.id))) or 0) - before


def _check(transfers_wanted: int) -> None:
    made = db.session.scalar(select(func.count(Transfer.id)))
    assert made == transfers_wanted, f"{made} transfers of {transfers_wanted}"
    assert not db.session.scalar(select(func.count(Payable.id)).where(Payable.state == PayableState.OWED))
    assert ledger.check_ledger() == []


def _cut(payees: list[str]) -> list[list[str]]:
    return [payees[start:start + AT_ONCE] for start in range(0, len(payees), AT_ONCE)]


def _plan(groups: list[list[str]], left_out: list[str]) -> list[str]:
    """A running batch for each of these, all counted by one plan."""
    with transaction():
        planned = batches._plan(by="benchmark", slot=None)
        assert planned is not None
        of_plan = planned.id
        db.session.execute(delete(BatchLine).where(BatchLine.batch_id == of_plan, BatchLine.payee_id.in_(left_out)))
        made = [TransferBatch(id=new_id("batch"), asked_by="benchmark", state=BatchState.RUNNING,
                              decided_by="benchmark", decided_at=clock.now()) for _ in groups]
        db.session.add_all(made)
        db.session.flush()
        for batch, payees in zip(made, groups, strict=True):
            for start in range(0, len(payees), 1_000):
                db.session.execute(update(BatchLine).where(
                    BatchLine.batch_id == of_plan, BatchLine.payee_id.in_(payees[start:start + 1_000])
                    ).values(batch_id=batch.id))
    return [batch.id for batch in made]


def _make_payees(count: int, rewards: int) -> list[str]:
    """By the rows: the verbs would take hours."""
    made: list[str] = []
    for start in range(0, count, 100):
        with transaction():
            made += _insert_payees(min(100, count - start), rewards)
        db.session.remove()
    return made


def _insert_payees(count: int, rewards: int) -> list[str]:
    payees = [new_id("user") for _ in range(count)]
    business = Business(name="Westside Auto", slug=payees[0])
    db.session.add(business)
    db.session.execute(insert(User), [
        {"id": one, "name": "Payee", "email": f"{one}@example.com", "password_hash": "-"} for one in payees])
    db.session.execute(insert(ConnectedAccount), [
        {"user_id": one, "country": "US", "currency": "usd", "state": PayeeState.READY, "version": 1,
         "idempotency_key": new_id("key"), "stripe_account_id": new_id("acct")} for one in payees])
    owed = [{"id": new_id("reward"), "payee_id": one, "business_id": business.id, "amount_minor": REWARD.minor,
             "currency": "usd", "state": PayableState.OWED, "version": 1} for one in payees for _ in range(rewards)]
    accounts = ledger.accounts(AccountKind.PAYABLE, {str(one["id"]): "usd" for one in owed})
    ledger.post([(ledger.clearing("usd"), Money(-REWARD.minor * len(owed), "usd"))]
                + [(account, REWARD) for account in accounts.values()], kind="bench", reference=f"{payees[0]}:due")
    db.session.execute(insert(Payable), owed)
    return payees
