"""Transfers in batches: counted, seen, approved, run in chunks; nobody gets more than was approved, and nobody twice."""
from dataclasses import replace

import pytest
from sqlalchemy import func, literal, select, union_all, update
from sqlalchemy.exc import DBAPIError

from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import do_now
from marketplace.jobs import LETTERS
from marketplace.payments import ledger, ledger_by_query
from marketplace.payments.models import (
    AccountKind,
    BatchLine,
    BatchState,
    LedgerEntry,
    LineState,
    Payable,
    PayableState,
    Transfer,
    TransferBatch,
    TransferState,
)
from marketplace.payments.money_out import batches, payables, payees, requests, stops, transfers
from marketplace.payments.money_out.approvals import SecondAdminNeeded
from marketplace.payments.money_out.batches import BatchUnderWay, NothingToSend
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import (
    BOUNTY,
    fresh,
    holds,
    make_ready,
    owe,
    pay_in,
    promised,
    take_back,
    usd,
)

K = AccountKind


@pytest.fixture
def nightly(app):
    """As in production: nothing goes before its batch; more than $500 takes a second admin."""
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, transfer_batches="nightly", transfer_approval_above={"usd": 500})
    yield
    app.extensions["settings"] = before


@pytest.fixture
def funded(stripe, wes, nightly, later, keep_row):
    """$2,000 there, and available at Stripe."""
    def build():
        funding = pay_in(stripe, wes, usd(2100))
        later(days=10)
        return funding
    return keep_row("funded", build)


@pytest.fixture
def mona(app):
    return make_user("Mona Lind", is_admin=True)


@pytest.fixture
def milo(app):
    return make_user("Milo Berg", is_admin=True)


def plan(by) -> TransferBatch:
    with transaction():
        return batches.plan_batch(by=by)


def approve(batch, by) -> None:
    with transaction():
        batches.approve_batch(fresh(TransferBatch, batch.id), by=by)


def begin() -> None:
    with transaction():
        batches.begin_batch()


def lines(batch) -> dict[str, tuple[str, int, str | None]]:
    """State, amount and reason, by payee."""
    found = db.session.scalars(select(BatchLine).filter_by(batch_id=batch.id))
    return {line.payee_id: (line.state.value, line.amount_minor, line.reason) for line in found}


def sent(stripe) -> list[int]:
    return sorted(one["amount"] for one in stripe.box.world.store.all("transfer"))


def test_what_is_released_waits_for_the_nightly_batch(stripe, funded, westside, ana, work):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    assert sent(stripe) == []
    begin()
    work()
    assert sent(stripe) == [100_00]
    assert db.session.scalars(select(TransferBatch)).one().state is BatchState.DONE
    assert fresh(Payable, "reward_1").state is PayableState.SENT


def test_a_night_has_one_batch_however_often_it_is_begun(stripe, funded, westside, ana, work, later):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    begin()
    work()
    owe(ana, westside.id, usd(200), "reward_2")
    begin()
    work()
    assert sent(stripe) == [100_00]
    later(days=1)
    begin()
    work()
    assert sent(stripe) == [100_00, 200_00]


def test_who_is_left_out_is_named_with_the_reason(stripe, funded, westside, ana, mona, work):
    people = {name: make_user(name) for name in ("Stopped", "Little", "Unready", "Partly")}
    for person in (ana, people["Stopped"], people["Little"], people["Partly"]):
        make_ready(stripe, person)
    owe(ana, westside.id, usd(100), "reward_ana")
    owe(people["Stopped"], westside.id, usd(70), "reward_stopped")
    owe(people["Little"], westside.id, usd(9), "reward_little")
    owe(people["Unready"], westside.id, usd(50), "reward_unready")
    owe(people["Partly"], westside.id, usd(60), "reward_goes")
    owe(people["Partly"], westside.id, usd(40), "reward_stays")
    with transaction():
        for payable in ("reward_stopped", "reward_stays"):
            stops.stop_transfers("payable", payable, reason="Disputed", source="dispute_1", by="system")
    batch = plan(mona)
    assert lines(batch) == {
        ana.id: ("planned", 100_00, None), people["Stopped"].id: ("left_out", 70_00, "stopped"),
        people["Little"].id: ("left_out", 9_00, "below_minimum"), people["Unready"].id: ("left_out", 50_00, "not_ready"),
        people["Partly"].id: ("planned", 60_00, None)}
    assert batches.totals_of(batch) == [usd(160)]
    assert sent(stripe) == [] and db.session.scalar(select(func.count(Transfer.id))) == 0
    approve(batch, mona)
    work()
    assert sent(stripe) == [60_00, 100_00]
    assert fresh(Payable, "reward_stays").state is PayableState.OWED


def test_above_the_limit_another_admin_must_approve(stripe, funded, westside, ana, mona, milo, work):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(501))
    batch = plan(mona)
    with pytest.raises(SecondAdminNeeded):
        approve(batch, mona)
    with pytest.raises(Forbidden):
        approve(batch, ana)
    work()
    assert sent(stripe) == []
    approve(batch, milo)
    work()
    assert sent(stripe) == [501_00]
    assert fresh(TransferBatch, batch.id).decided_by == milo.id


def test_the_clocks_own_batch_waits_for_an_admin_above_the_limit(stripe, funded, westside, ana, mona, work):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(501))
    begin()
    assert "batch_waits" in [job.arguments["letter"] for job in promised("send_letter")]
    batch = db.session.scalars(select(TransferBatch)).one()
    assert batch.state is BatchState.PREVIEWED
    (mail,) = LETTERS["batch_waits"](batch_id=batch.id)
    assert mail.to == mona.email and "A batch of $501 is more" in mail.text and batch.id in mail.text
    approve(batch, mona)
    assert LETTERS["batch_waits"](batch_id=batch.id) == []  # Decided before the mail's turn came.
    work()
    assert sent(stripe) == [501_00]


def test_what_is_released_after_the_preview_goes_with_the_next_batch(stripe, funded, westside, ana, mona, work):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    batch = plan(mona)
    owe(ana, westside.id, usd(300), "reward_2")
    approve(batch, mona)
    work()
    assert sent(stripe) == [100_00]
    assert fresh(Payable, "reward_2").state is PayableState.OWED


def test_what_was_taken_back_since_the_preview_does_not_go(stripe, funded, westside, ana, mona, work):
    ben = make_user("Ben")
    for person, reward in ((ana, "reward_1"), (ben, "reward_2")):
        make_ready(stripe, person)
        owe(person, westside.id, usd(100), reward)
    batch = plan(mona)
    take_back("reward_1", usd(100))
    take_back("reward_2", usd(30), "clawback_2")
    approve(batch, mona)
    work()
    assert sent(stripe) == [70_00]
    assert lines(batch)[ana.id][2] == "nothing_left"


def test_a_stop_between_approval_and_the_call_holds_the_money_back(stripe, funded, westside, ana, mona, work, jobs):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    approve(plan(mona), mona)
    while not promised("deliver_transfer"):
        assert outbox.run_next(jobs)
    with transaction():
        stops.stop_transfers("business", westside.id, reason="Chargeback", source="dispute_1", by="system")
    work()
    transfer = db.session.scalars(select(Transfer)).one()
    assert (transfer.state, transfer.failure_code, transfer.failure) == (TransferState.FAILED, "stopped", "Chargeback")
    assert (sent(stripe), holds(K.PAYABLE, "reward_1")) == ([], 100_00)
    with transaction():
        stops.lift_stops("dispute_1", by=mona.id)
    approve(plan(mona), mona)
    work()
    assert sent(stripe) == [100_00]


def test_nothing_to_send_makes_no_batch(stripe, funded, westside, ana, mona):
    owe(ana, westside.id, usd(100))
    with pytest.raises(NothingToSend):
        plan(mona)
    begin()
    assert db.session.scalar(select(func.count(TransferBatch.id))) == 0
    with pytest.raises(Forbidden):
        plan(ana)


def test_a_newer_preview_takes_the_place_of_an_older_and_one_runs_at_a_time(stripe, funded, westside, ana, mona):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    first, second = plan(mona), plan(mona)
    assert fresh(TransferBatch, first.id).state is BatchState.DROPPED
    approve(second, mona)
    with pytest.raises(BatchUnderWay):
        plan(mona)
    begin()
    assert db.session.scalar(select(func.count(TransferBatch.id))) == 2


def test_a_worker_that_dies_in_the_middle_leaves_the_rest_to_the_next(
        stripe, funded, westside, mona, work, later, jobs, monkeypatch):
    """Chunks of two; the second one dies after all was written and before the commit."""
    monkeypatch.setattr(batches, "AT_A_TIME", 2)
    people = [make_user(f"Person {number}") for number in range(5)]
    for number, person in enumerate(people):
        make_ready(stripe, person)
        owe(person, westside.id, usd(20), f"reward_{number}")
    batch = plan(mona)
    approve(batch, mona)

    class Killed(BaseException):
        pass

    chunks = []

    def die_in_the_second(batch_id: str) -> None:
        batches.run_batch(batch_id)
        chunks.append(batch_id)
        if len(chunks) == 3:  # The first only says that it runs.
            raise Killed

    with pytest.raises(Killed):
        while outbox.run_next({**jobs, "run_batch": die_in_the_second}):
            pass
    done = [state for state, _, _ in lines(batch).values()].count("requested")
    assert done == 2
    later(minutes=3)
    work()
    assert sent(stripe) == [20_00] * 5
    assert fresh(TransferBatch, batch.id).state is BatchState.DONE
    with transaction():
        batches.run_batch(batch.id)  # And again: nothing.
    work()
    assert sent(stripe) == [20_00] * 5
    assert len({line.transfer_id for line in db.session.scalars(select(BatchLine))}) == 5


def test_businesses_and_currencies_go_apart_in_one_batch(stripe, funded, westside, ana, mona, work, later):
    other = make_business(name="Brightroof")
    pay_in(stripe, owner_of(other), usd(500), "bounty_roof")
    later(days=10)
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100), "reward_1")
    owe(ana, other.id, usd(50), "reward_2", "bounty_roof")
    batch = plan(mona)
    assert batches.totals_of(batch) == [usd(150)]
    approve(batch, mona)
    work()
    assert sent(stripe) == [50_00, 100_00]


def test_what_is_odd_may_be_more_than_the_largest_of_many_small_ones(stripe, funded, westside, ana, mona):
    """Eighteen times 0.60 forints: 80 fillers are odd, and nobody is owed so many."""
    make_ready(stripe, ana)
    with transaction():
        ledger.move(Money(10_80, "huf"), source=ledger.clearing("huf"), target=ledger.account(K.FUNDS, BOUNTY, "huf"),
                    kind="test", reference="test")
    for number in range(18):
        owe(ana, westside.id, Money(60, "huf"), f"reward_{number:02}")
    with transaction():
        (group,) = requests.lock_owed(Payable.payee_id == ana.id)
        requests.request_groups([group], requests.ready_destinations([ana.id]))
    transfer = db.session.scalars(select(Transfer)).one()
    rests = db.session.scalars(select(Payable).where(Payable.rest_of.is_not(None)).order_by(Payable.id)).all()
    assert transfer.amount == Money(10_00, "huf")
    assert [(rest.amount.minor, rest.rest_of, rest.state) for rest in rests] == [
        (60, "reward_17", PayableState.OWED), (20, "reward_16", PayableState.OWED)]
    in_it = db.session.scalars(select(Payable).filter_by(transfer_id=transfer.id)).all()
    assert sum(payable.amount.minor for payable in in_it) == 10_00 and min(one.amount.minor for one in in_it) == 0
    assert ledger.check_ledger() == []
    assert take_back("reward_17", Money(60, "huf")) == "taken"
    with transaction():  # Level with Stripe, which never saw these forints.
        transfers._settle_failed(transfers._lock(transfer.id), transfers.Refused("test", "test"))
        for payable in db.session.scalars(select(Payable)).all():
            if payable.amount.minor:
                ledger.move(payable.amount, source=ledger.account(K.PAYABLE, payable.id, "huf"),
                            target=ledger.clearing("huf"), kind="test", reference=f"test {payable.id}")
        ledger.move(Money(60, "huf"), source=ledger.account(K.FUNDS, BOUNTY, "huf"), target=ledger.clearing("huf"),
                    kind="test", reference="test back")
        db.session.execute(update(Payable).values(amount_minor=0))


def test_odd_units_of_a_currency_are_carried_over(stripe, funded, westside, ana, mona, work):
    """Forints are paid out whole: the odd fillers stay owed, go with the next, and can be taken back like the rest."""
    make_ready(stripe, ana)
    with transaction():
        ledger.move(Money(10_000_77, "huf"), source=ledger.clearing("huf"), target=ledger.account(K.FUNDS, BOUNTY, "huf"),
                    kind="test", reference="test")
    owe(ana, westside.id, Money(5_000_33, "huf"), "reward_1")
    batch = plan(mona)
    approve(batch, mona)
    with transaction():
        batches.run_batch(batch.id)
    with transaction():
        batches.run_batch(batch.id)
    transfer = db.session.scalars(select(Transfer)).one()
    assert (transfer.amount, holds(K.IN_TRANSIT, transfer.id, "huf")) == (Money(5_000_00, "huf"), 5_000_00)
    rest = db.session.scalars(select(Payable).where(Payable.rest_of == "reward_1")).one()
    assert (rest.amount, rest.state, holds(K.PAYABLE, rest.id, "huf")) == (
        Money(33, "huf"), PayableState.OWED, 33)
    assert ledger.check_ledger() == []
    assert take_back("reward_1", Money(5_000_33, "huf")) == "reversing" and holds(K.PAYABLE, rest.id, "huf") == 0
    with transaction():  # Level with Stripe, which never saw these forints.
        transfers._settle_failed(transfers._lock(transfer.id), transfers.Refused("test", "test"))
        ledger.move(Money(10_000_77, "huf"), source=ledger.account(K.FUNDS, BOUNTY, "huf"), target=ledger.clearing("huf"),
                    kind="test", reference="test back")


def test_an_entry_of_a_batch_is_as_one_of_any_other(stripe, funded, westside, ana, mona):
    """Posted again it is the same one; with other lines it is refused, and so is a second one by a query."""
    make_ready(stripe, ana)
    owed = [owe(ana, westside.id, usd(number), f"reward_{number}") for number in (100, 30, 20)]
    batch = plan(mona)
    approve(batch, mona)
    for _ in range(2):
        with transaction():
            batches.run_batch(batch.id)
    transfer = db.session.scalars(select(Transfer)).one()
    entry = db.session.scalars(select(LedgerEntry).filter_by(reference=f"{transfer.id}:requested")).one()
    lines_of_it = [(payables.payable_account(one), -one.amount) for one in owed]
    in_transit = ledger.account(K.IN_TRANSIT, transfer.id, "usd")
    with transaction():
        assert ledger.post([*lines_of_it, (in_transit, usd(150))], kind=entry.kind, reference=entry.reference) == entry.id
    with pytest.raises(ledger.ReferenceReused), transaction():
        ledger.post([*lines_of_it[1:], (in_transit, usd(50))], kind=entry.kind, reference=entry.reference)
    again = union_all(select(literal("entry_2"), literal(in_transit.id), literal(-1)),
                      select(literal("entry_2"), literal(lines_of_it[0][0].id), literal(1)))
    with pytest.raises(DBAPIError, match=r"immutable|ledger_entries_reference_key"), transaction():
        ledger_by_query.post_each({"entry_2": entry.reference}, again, kind="test")
    assert holds(K.IN_TRANSIT, transfer.id) == 150_00 and ledger.check_ledger() == []


def test_what_a_query_posts_must_balance_too(stripe, funded, westside, ana):
    owe(ana, westside.id, usd(100))
    account = ledger.account(K.PAYABLE, "reward_1", "usd")
    other = ledger.account(K.FUNDS, BOUNTY, "usd")

    def posted(taken: int, given: int) -> None:
        with transaction():
            ledger_by_query.post_each({"entry_2": "test"}, union_all(
                select(literal("entry_2"), literal(account.id), literal(-taken)),
                select(literal("entry_2"), literal(other.id), literal(given))), kind="test")

    with pytest.raises(DBAPIError, match="does not sum to zero"):
        posted(60_00, 50_00)
    with pytest.raises(DBAPIError, match="below the floor"):
        posted(100_01, 100_01)
    assert holds(K.PAYABLE, "reward_1") == 100_00


def test_no_line_is_both_sent_and_left_out(stripe, funded, westside, ana, mona, work):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    batch = plan(mona)
    approve(batch, mona)
    work()
    line = db.session.scalars(select(BatchLine)).one()
    assert (line.state, line.reason) == (LineState.REQUESTED, None)
    assert fresh(Transfer, line.transfer_id).amount == line.amount


def test_what_changed_between_preview_and_run_goes_with_a_later_batch(stripe, funded, westside, ana, mona, work):
    """Ana is owed more than was seen, Ben's account was closed, Cy has too little left: nobody of them is sent anything."""
    ben, cy = make_user("Ben"), make_user("Cy")
    accounts = {person.id: make_ready(stripe, person) for person in (ana, ben, cy)}
    for person in (ana, ben, cy):
        owe(person, westside.id, usd(60), f"reward_{person.name}")
    owe(ana, westside.id, usd(40), "reward_disputed")
    with transaction():
        stops.stop_transfers("payable", "reward_disputed", reason="Disputed", source="dispute_1", by="system")
    batch = plan(mona)
    assert {state for state, _, _ in lines(batch).values()} == {"planned"}
    with transaction():
        stops.lift_stops("dispute_1", by=mona.id)
    stripe.control.set_account_state(accounts[ben.id].stripe_account_id, state="closed")
    do_now(payees.CHECK_PAYEE, payee_id=accounts[ben.id].id)
    take_back("reward_Cy", usd(55))
    approve(batch, mona)
    work()
    assert lines(batch) == {
        ana.id: ("left_out", 60_00, "changed"), ben.id: ("left_out", 60_00, "not_ready"),
        cy.id: ("left_out", 60_00, "below_minimum")}
    assert (sent(stripe), fresh(TransferBatch, batch.id).state) == ([], BatchState.DONE)
    assert holds(K.PAYABLE, "reward_Ana Flores") == 60_00


def test_a_batch_is_done_once_and_not_before_its_last_lines_are(stripe, funded, westside, ana, mona, work, later, news,
                                                                monkeypatch):
    """A worker that is given no line, because another one has the last in hand, looks again a little later."""
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100))
    batch = plan(mona)
    approve(batch, mona)
    with monkeypatch.context() as patch:
        patch.setattr(batches, "AT_A_TIME", 0)
        work()
    assert fresh(TransferBatch, batch.id).state is BatchState.RUNNING and len(promised("run_batch")) == 1
    later(seconds=6)
    work()
    assert sent(stripe) == [100_00]
    with transaction():  # The other worker comes to its end too.
        batches._finish(batch.id)
    work()
    assert [said["letter"] for name, said in news if name == "send_letter"].count("batch_done") == 1
