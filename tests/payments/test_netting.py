"""Debts of payees: kept of newer rewards, asked for again, written off by an explicit entry; never lost, never twice."""
import pytest
from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict, Forbidden, Invalid, NotFound
from marketplace.foundation.money import BadAmount, Money
from marketplace.identity.models import User
from marketplace.jobs import LETTERS
from marketplace.payments import ledger
from marketplace.payments.books.business_statements import Part, read_statement
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    MoneyOrder,
    Netting,
    OrderState,
    Payable,
    PayableState,
    ReversalState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_out import netting, orders, payables, stops, transfers
from marketplace.payments.money_out.approvals import SecondAdminNeeded
from marketplace.payments.money_out.receivables import aged_receivables
from marketplace.payments.money_out.reversals import standing_of
from tests.browsing import end_reading
from tests.factories import make_business, make_member, make_user, owner_of
from tests.payments.money_steps import BOUNTY, fresh, holds, make_ready, owe, pay_in, take_back, usd

K, V = AccountKind, ReversalState
FUNDED = 5_000


@pytest.fixture
def funded(stripe, wes, later, keep_row):
    def build():
        funding = pay_in(stripe, wes, usd(FUNDED))
        later(days=10)
        return funding
    return keep_row("funded", build)


@pytest.fixture
def mona(app):
    return make_user("Mona Lind", is_admin=True)


@pytest.fixture
def milo(app):
    return make_user("Milo Berg", is_admin=True)


def ask(user) -> None:
    with transaction():
        transfers.request_transfers(user.id)


def reversal(reference: str = "clawback_1") -> TransferReversal:
    return db.session.scalars(select(TransferReversal).filter_by(reference=reference)
                              .execution_options(populate_existing=True)).one()


def amounts(stripe, kind: str = "transfer") -> list[int]:
    return sorted(one["amount"] for one in stripe.box.world.store.all(kind))


@pytest.fixture
def debt(stripe, funded, westside, ana, work, keep_row):
    """Ana was sent $100, took it home, and owes $60 of it back."""
    def build():
        payee = make_ready(stripe, ana)
        owe(ana, westside.id, usd(100))
        ask(ana)
        work()
        stripe.control.pay_out_account(payee.stripe_account_id, currency="usd")
        assert take_back("reward_1", usd(60)) == "reversing"
        work()
        return reversal()
    found = keep_row("a debt", build)
    assert (found.state, holds(K.RECEIVABLE, found.id), holds(K.CLAWBACK_DUE, found.id)) == (V.OUTSTANDING, -60_00, 60_00)
    return found


def test_a_newer_reward_pays_the_debt_before_anything_is_sent(stripe, debt, westside, ana, work, news):
    before = holds(K.FUNDS, BOUNTY)
    owe(ana, westside.id, usd(100), "reward_2")
    ask(ana)
    work()
    assert amounts(stripe) == [40_00, 100_00]
    assert (reversal().state, holds(K.RECEIVABLE, debt.id), holds(K.CLAWBACK_DUE, debt.id)) == (V.NETTED, 0, 0)
    assert holds(K.FUNDS, BOUNTY) == before - 100_00 + 60_00
    assert ("note_reversal", {"reference": "clawback_1"}) in news and standing_of("clawback_1") == "taken"
    assert "reward_netted" in [said["letter"] for name, said in news if name == "send_letter"]


def test_the_business_statement_tells_a_netted_and_a_written_off_debt_once(stripe, debt, westside, ana, mona, work):
    """$100 were spent on each reward; $60 of the first came back: $25 of it kept of the second, the rest given up by us."""
    month = clock.now().date().replace(day=1)
    before = read_statement(westside.id, "usd", month).parts
    owe(ana, westside.id, usd(25), "reward_2")
    ask(ana)
    work()
    assert changed(before, westside, month) == {Part.REWARDS: usd(-25), Part.TAKEN_BACK: usd(25)}
    with transaction():
        orders.ask_write_off(reversal(), reason="She cannot be reached", by=mona)
    assert changed(before, westside, month) == {Part.REWARDS: usd(-25), Part.TAKEN_BACK: usd(60)}


def changed(before, business, month):
    end_reading()
    earlier = dict(before)
    return {part: amount - earlier.get(part, usd(0)) for part, amount in read_statement(business.id, "usd", month).parts
            if amount != earlier.get(part, usd(0))}


def test_a_debt_larger_than_the_reward_leaves_the_rest_owed(stripe, debt, westside, ana, work, news, later):
    owe(ana, westside.id, usd(25), "reward_2")
    ask(ana)
    work()
    assert amounts(stripe) == [100_00]
    assert (reversal().state, reversal().left, holds(K.RECEIVABLE, debt.id)) == (V.OUTSTANDING, usd(35), -35_00)
    paid = fresh(Payable, "reward_2")
    assert (paid.state, paid.transfer_id, paid.amount) == (PayableState.SENT, debt.transfer_id, usd(0))
    assert ("note_transfer", {"transfer_id": debt.transfer_id}) in news


def test_stripe_is_asked_for_what_is_left_alone(stripe, debt, westside, ana, work, later):
    """$25 were netted; when the bank sends the payout back, Stripe has the other $35."""
    owe(ana, westside.id, usd(25), "reward_2")
    ask(ana)
    work()
    [payout] = stripe.box.world.store.all("payout")
    stripe.control.settle_payout(payout["id"], status="failed")
    later(days=1, minutes=1)
    work()
    assert (reversal().state, amounts(stripe, "transfer_reversal")) == (V.DONE, [35_00])
    assert (holds(K.RECEIVABLE, debt.id), holds(K.CLAWBACK_DUE, debt.id)) == (0, 0)


def test_stopped_money_pays_no_debt(stripe, debt, westside, ana):
    owe(ana, westside.id, usd(200), "reward_2")
    with transaction():
        stops.stop_transfers("payable", "reward_2", reason="Disputed", source="dispute_1", by="system")
        netting.net_everything()
    assert fresh(Payable, "reward_2").amount == usd(200) and reversal().left == usd(60)


def test_money_of_another_business_pays_too_after_the_debtors_own(stripe, debt, westside, ana, work, later):
    other = make_business(name="Brightroof")
    pay_in(stripe, owner_of(other), usd(500), "bounty_roof")
    later(days=10)
    owe(ana, other.id, usd(50), "reward_2", "bounty_roof")
    owe(ana, westside.id, usd(40), "reward_3")
    owe(ana, other.id, usd(30), "reward_4", "bounty_roof")
    with transaction():
        netting.net_everything()
    parts = {one.payable_id: one.amount for one in db.session.scalars(select(Netting))}
    assert parts == {"reward_3": usd(40), "reward_2": usd(20)}
    assert fresh(Payable, "reward_2").amount == usd(30)
    assert fresh(Payable, "reward_4").amount == usd(30)  # The debt was paid before its turn came.
    work()


def test_what_an_older_transfer_paid_can_be_taken_back_again_from_there(stripe, debt, westside, ana, work, later):
    """Reward 2 was paid by $60 in transfer 1 and $40 in transfer 2; its whole sale is refunded, and Ana has both."""
    owe(ana, westside.id, usd(100), "reward_2")
    ask(ana)
    work()
    owe(ana, westside.id, usd(150), "reward_3")
    ask(ana)
    work()
    assert payables.left_of(fresh(Payable, "reward_2")) == usd(100)
    assert take_back("reward_2", usd(100), "clawback_2") == "reversing"
    parts = {one.reference: (one.transfer_id == debt.transfer_id, one.amount) for one in db.session.scalars(
        select(TransferReversal).where(TransferReversal.payable_id == "reward_2"))}
    assert parts == {"clawback_2": (False, usd(40)), "clawback_2/2": (True, usd(60))}
    work()
    assert standing_of("clawback_2") == "taken"
    assert fresh(Transfer, debt.transfer_id).reversed_minor == 60_00
    assert payables.left_of(fresh(Payable, "reward_2")) == usd(0)
    assert amounts(stripe, "transfer_reversal") == [40_00, 60_00]


def test_what_two_transfers_paid_is_taken_back_step_by_step_from_the_newer_first(stripe, debt, westside, ana):
    owe(ana, westside.id, usd(100), "reward_2")
    ask(ana)  # $60 of it stay in transfer 1, for the debt; $40 go in transfer 2.
    newer = fresh(Payable, "reward_2").transfer_id
    take_back("reward_2", usd(40), "clawback_2")
    assert [one.reference for one in db.session.scalars(
        select(TransferReversal).filter_by(payable_id="reward_2"))] == ["clawback_2"]
    take_back("reward_2", usd(60), "clawback_3")
    assert (reversal("clawback_2").transfer_id, reversal("clawback_3").transfer_id) == (newer, debt.transfer_id)
    assert (reversal("clawback_3").amount, payables.left_of(fresh(Payable, "reward_2"))) == (usd(60), usd(0))


def test_receivables_are_listed_with_their_age(stripe, debt, mona, later):
    later(days=61)
    [(found, payee, days)] = aged_receivables()
    assert (found.id, payee.name, days) == (debt.id, "Ana Flores", 61)


def test_a_debt_is_written_off_by_an_entry_and_never_asked_for_again(stripe, debt, westside, mona, work, later, ana, news):
    funds = holds(K.FUNDS, BOUNTY)
    with transaction():
        orders.ask_write_off(reversal(), reason="She cannot be reached", by=mona)
    assert (holds(K.LOSSES, PLATFORM), holds(K.RECEIVABLE, debt.id), holds(K.CLAWBACK_DUE, debt.id)) == (-60_00, 0, 0)
    assert holds(K.FUNDS, BOUNTY) == funds + 60_00
    assert reversal().state is V.WRITTEN_OFF
    owe(ana, westside.id, usd(100), "reward_2")
    ask(ana)
    later(days=3)
    work()
    assert amounts(stripe) == [100_00, 100_00]
    assert amounts(stripe, "transfer_reversal") == []
    assert ("note_reversal", {"reference": "clawback_1"}) in news and standing_of("clawback_1") == "taken"


def test_above_the_limit_a_second_admin_writes_off(stripe, debt, mona, milo, ana, settings_of):
    settings_of(transfer_approval_above={"usd": 50})
    with transaction():
        order = orders.ask_write_off(reversal(), reason="She cannot be reached", by=mona)
    assert order.state is OrderState.ASKED and reversal().state is V.OUTSTANDING
    with pytest.raises(SecondAdminNeeded), transaction():
        orders.grant_order(fresh(MoneyOrder, order.id), by=mona)
    with pytest.raises(Forbidden), transaction():
        orders.grant_order(fresh(MoneyOrder, order.id), by=ana)
    with pytest.raises(Conflict), transaction():
        orders.ask_write_off(reversal(), reason="Again", by=milo)
    (mail,) = LETTERS["order_waits"](order_id=order.id)
    assert mail.to == milo.email and "write off a debt of $60, which takes two" in " ".join(mail.text.split())
    with transaction():
        orders.grant_order(fresh(MoneyOrder, order.id), by=milo)
    assert reversal().state is V.WRITTEN_OFF
    assert LETTERS["order_waits"](order_id=order.id) == []  # Decided before the mail's turn came.
    with pytest.raises(orders.NotOwed), transaction():
        orders.ask_write_off(reversal(), reason="Once more", by=mona)
    with pytest.raises(NotFound), transaction():
        orders.get_order("order_of_nobody")


def test_what_was_paid_while_the_second_admin_thought_is_not_written_off(stripe, debt, westside, mona, milo, ana,
                                                                         settings_of):
    settings_of(transfer_approval_above={"usd": 50})
    with transaction():
        order = orders.ask_write_off(reversal(), reason="She cannot be reached", by=mona)
    owe(ana, westside.id, usd(100), "reward_2")
    with transaction():
        netting.net_everything()
    with pytest.raises(orders.NotOwed), transaction():
        orders.grant_order(fresh(MoneyOrder, order.id), by=milo)
    assert (reversal().state, holds(K.LOSSES, PLATFORM)) == (V.NETTED, 0)
    assert fresh(MoneyOrder, order.id).state is OrderState.ASKED


def test_the_limit_counts_for_all_slices_of_one_transfer(stripe, debt, mona, milo, settings_of, work):
    settings_of(transfer_approval_above={"usd": 30})
    transfer_id = debt.transfer_id
    asked = []
    for _ in range(2):
        transfer = fresh(Transfer, transfer_id)
        with transaction():
            asked.append(orders.ask_reversal(transfer, usd(20), reason="Fraud", by=mona).id)
    first, second = (fresh(MoneyOrder, order_id) for order_id in asked)
    assert (first.state, second.state) == (OrderState.GRANTED, OrderState.ASKED)
    with pytest.raises(SecondAdminNeeded), transaction():
        orders.grant_order(second, by=mona)


def test_nobody_decides_about_money_of_their_own(stripe, debt, ana, westside):
    at_westside = make_member(westside)
    with transaction():
        for person in (ana, at_westside):
            db.session.get_one(User, person.id).is_admin = True
    for stakeholder in (fresh(User, ana.id), fresh(User, at_westside.id)):
        with pytest.raises(Forbidden), transaction():
            orders.ask_write_off(reversal(), reason="Mine", by=stakeholder)
        with pytest.raises(Forbidden), transaction():
            orders.ask_reversal(fresh(Transfer, debt.transfer_id), usd(5), reason="Mine", by=stakeholder)


def test_nobody_refuses_either_what_is_asked_about_money_of_their_own(stripe, debt, ana, mona, milo, settings_of):
    settings_of(transfer_approval_above={"usd": 30})
    transfer = fresh(Transfer, debt.transfer_id)
    with transaction():
        db.session.get_one(User, ana.id).is_admin = True
        order_id = orders.ask_reversal(transfer, usd(40), reason="Fraud", by=mona).id
    with pytest.raises(Forbidden), transaction():
        orders.decline_order(orders.get_order(order_id), by=fresh(User, ana.id))
    assert fresh(MoneyOrder, order_id).state is OrderState.ASKED
    with transaction():
        orders.decline_order(orders.get_order(order_id), by=milo)


def test_an_admin_takes_a_transfer_back_to_where_it_came_from(stripe, funded, westside, ana, mona, work, news):
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100), "reward_1")
    owe(ana, westside.id, usd(50), "reward_2")
    ask(ana)
    work()
    transfer = db.session.scalars(select(Transfer)).one()
    funds = holds(K.FUNDS, BOUNTY)
    with pytest.raises(Invalid), transaction():
        orders.ask_reversal(fresh(Transfer, transfer.id), usd(151), reason="The wrong Ana", by=mona)
    with transaction():
        orders.ask_reversal(fresh(Transfer, transfer.id), usd(120), reason="The wrong Ana", by=mona)
    work()
    assert fresh(Transfer, transfer.id).state is TransferState.PARTLY_REVERSED
    assert holds(K.FUNDS, BOUNTY) == funds + 120_00
    assert amounts(stripe, "transfer_reversal") == [20_00, 100_00]
    with transaction():
        assert orders.can_be_taken(fresh(Transfer, transfer.id)) == usd(30)
        orders.ask_reversal(fresh(Transfer, transfer.id), usd(30), reason="All of it", by=mona)
    work()
    assert fresh(Transfer, transfer.id).state is TransferState.REVERSED


def test_an_amount_that_stripe_could_not_take_back_is_refused_and_no_debt(stripe, westside, ana, mona, work):
    with transaction():
        ledger.move(Money(50_000, "kwd"), source=ledger.clearing("kwd"), target=ledger.account(K.FUNDS, BOUNTY, "kwd"),
                    kind="funding", reference="dinars")
    stripe.control.top_up(amount=50_000, currency="kwd")
    make_ready(stripe, ana, "KW")
    owe(ana, westside.id, Money(50_000, "kwd"))
    ask(ana)
    work()
    transfer = db.session.scalars(select(Transfer)).one()
    with pytest.raises(BadAmount, match=r"steps of 0\.010"), transaction():
        orders.ask_reversal(transfer, Money(10_005, "kwd"), reason="The wrong Ana", by=mona)
    with transaction():
        orders.ask_reversal(fresh(Transfer, transfer.id), Money(10_010, "kwd"), reason="The wrong Ana", by=mona)
    work()
    assert (aged_receivables(), fresh(Transfer, transfer.id).reversed_minor) == ([], 10_010)


def test_what_cannot_be_taken_back_by_hand_becomes_a_debt(stripe, debt, mona, work):
    transfer = fresh(Transfer, debt.transfer_id)
    with transaction():
        orders.ask_reversal(transfer, usd(40), reason="Fraud", by=mona)
    work()
    assert sorted(left.left.minor for left, _, _ in aged_receivables()) == [40_00, 60_00]


@pytest.fixture
def settings_of(app):
    from dataclasses import replace  # noqa: PLC0415

    before = app.extensions["settings"]
    yield lambda **changed: app.extensions.update(settings=replace(before, **changed))
    app.extensions["settings"] = before
