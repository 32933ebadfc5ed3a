"""Work that comes round: once a period, however many workers look."""
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.outbox import OutboxMessage
from marketplace.foundation.rota import Rota
from tests.browsing import end_reading

NIGHTLY = {"count_the_books": timedelta(days=1), "ask_stripe": timedelta(hours=1)}


def promised() -> list[str]:
    end_reading()
    return sorted(db.session.scalars(select(OutboxMessage.job)))


def test_each_job_is_promised_once_in_its_period_by_whichever_worker_comes_first(app, clock):
    one, other = Rota(NIGHTLY), Rota(NIGHTLY)
    for worker in (one, other, one):
        worker.promise_due()
    assert promised() == ["ask_stripe", "count_the_books"]


def test_the_next_period_brings_it_again_and_a_missed_one_is_not_made_up(app, clock):
    rota = Rota(NIGHTLY)
    rota.promise_due()
    clock.move(hours=5)
    rota.promise_due()
    Rota(NIGHTLY).promise_due()
    assert promised().count("ask_stripe") == 2
    clock.move(days=1)
    rota.promise_due()
    assert promised().count("count_the_books") == 2
