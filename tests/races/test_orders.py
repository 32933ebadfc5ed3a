"""An admin takes a transfer back while its sale is refunded: what was granted is taken whole, or refused."""
import threading

import pytest
from sqlalchemy import func, select, text

from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict
from marketplace.identity.models import User
from marketplace.jobs import JOBS
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, MoneyOrder, OrderState, Transfer, TransferReversal
from marketplace.payments.money_out import orders, payables
from tests.browsing import end_reading
from tests.factories import make_user
from tests.payments.money_steps import BOUNTY, usd

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@pytest.fixture
def sent(owed):
    """Ana was sent $1,000."""
    with transaction():
        outbox.promise("request_transfers", payee_id=owed.id)
    while outbox.run_next({**JOBS, "note_transfer": lambda **said: None}):
        pass
    end_reading()
    return db.session.scalars(select(Transfer.id)).one()


@pytest.mark.database("postgresql")  # SQLite locks the whole file before either looks.
def test_an_order_looks_at_what_is_left_after_its_locks(app, sent):
    mona, milo = make_user("Mona Lind", is_admin=True).id, make_user("Milo Berg", is_admin=True).id
    with transaction():
        order = MoneyOrder(kind="reversal", subject_id=sent, amount=usd(1000), reason="By mistake.", asked_by=mona)
        db.session.add(order)
        db.session.flush()
        order_id = order.id
    said: list[str] = []

    def grant() -> None:
        with app.app_context():
            try:
                with transaction():
                    orders.grant_order(orders.get_order(order_id), by=db.session.get_one(User, milo))
                said.append("granted")
            except Conflict as refused:
                said.append(str(refused))
            finally:
                db.session.remove()

    granting = threading.Thread(target=grant)
    with db.engine.connect() as looking:
        with transaction():
            payables.take_back("reward_1", usd(600), clawback_id="clawback_1",
                               credit=ledger.account(AccountKind.FUNDS, BOUNTY, "usd"))
            granting.start()
            for _ in range(2_000):
                if looking.execute(WAITING).scalar() or not granting.is_alive():
                    break
                looking.rollback()
        granting.join()
    end_reading()
    assert said == ["Part of it was taken back meanwhile."]
    assert db.session.get_one(MoneyOrder, order_id).state is OrderState.ASKED
    assert db.session.scalar(select(func.sum(TransferReversal.amount_minor))) == 600_00
