"""One buyer, two leads under two bounties of one business, two ways to tell of the sale at once: one first sale is paid."""
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db
from marketplace.payments.ledger_checks import check_ledger
from marketplace.referrals.disputes import remedies
from marketplace.referrals.disputes.answering import accept_claim
from marketplace.referrals.models import Dispute, Lead
from marketplace.tracking.buyers_word import confirm_word, count_buyers_word, say_bought
from marketplace.tracking.claims import claim_sale
from marketplace.tracking.models import Report
from marketplace.tracking.queries import get_link
from tests.factories import accept, consent, make_bounty, make_business, make_user
from tests.properties.market import OK, person
from tests.races.together import attempt_once
from tests.referrals.steps import again, do, point
from tests.tracking.report_steps import SALE, link, live_rewards, report

pytestmark = pytest.mark.database("postgresql")  # SQLite locks the whole file.
WAITED_FOR = text("SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
                  "WHERE datname = current_database() AND NOT granted")


@pytest.mark.parametrize("is_silent", [False, True], ids=["a yes", "silence"])
def test_a_buyers_word_while_a_claim_on_another_bounty_is_decided(
        app: Flask, clock, monkeypatch, record_property, is_silent) -> None:
    """The word is counted after the claim has seen no other sale, and before its own is made; or it waits."""
    record_property("rounds", 1)
    wes, ana, tom = make_user("Wes Park"), make_user("Ana Flores"), make_user("Tom Reed")
    mona, business = make_user("Mona Lind", is_admin=True), make_business(wes)
    here, there = (make_bounty(business, is_live=True, funded_for=2) for _ in range(2))
    today, wes_id = product_clock.now().date(), wes.id
    anas = accept(point(here, ana), by=mona)
    report(business, customer="cus_1", email="david@example.com")
    dispute = do(claim_sale, get_link(link(there, tom).id, seen_by=tom), by=tom, order_number="order-1", bought_on=today,
                 text="I sent them.")
    anas = consent(again(anas), email="david@example.com")
    word_id = do(say_bought, anas, amount=SALE, bought_on=today, is_proven=True).id
    if is_silent:
        clock.move(days=8)

    def count_word() -> str:
        def verb() -> None:
            if is_silent:
                count_buyers_word(word_id)
            else:
                confirm_word(db.session.get_one(Report, word_id), by=person(wes_id))
        with app.app_context():
            try:
                return attempt_once(verb)
            finally:
                db.session.remove()

    counted_for = remedies.counted_for
    with ThreadPoolExecutor(1) as pool:
        told = []

        def while_it_is_told(lead: Lead) -> Lead | None:
            found = counted_for(lead)
            told.append(pool.submit(count_word))
            while not (told[0].done() or db.session.scalar(WAITED_FOR)):
                pass
            return found

        monkeypatch.setattr(remedies, "counted_for", while_it_is_told)
        do(accept_claim, db.session.get_one(Dispute, dispute.id), by=wes)
        assert told[0].result(timeout=60) == OK
    assert live_rewards() == [(tom.id, 100_000)]
    assert check_ledger() == []
