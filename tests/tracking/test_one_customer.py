"""One customer is one binding and buys first once, whatever of them is told in which order: an id, a visit, or both."""
import itertools
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, or_, select, text

from marketplace.bounties.models import Bounty
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business
from marketplace.privacy.kinds import CUSTOMERS
from marketplace.privacy.retention import customers_long_ago
from marketplace.referrals.models import ConversionSource, Reward
from marketplace.tracking.intake import take_conversions
from marketplace.tracking.models import Binding, BindingClick, ReferralLink, ReportKind
from marketplace.tracking.reported import Reported
from marketplace.tracking.retrying import match_reports
from tests import factories as make
from tests.browsing import end_reading
from tests.old_database import migrate, old_database
from tests.tracking.report_steps import SALE, click, link, report

EXAMPLES = 20
number = itertools.count(1)
# What happened, whose id, which visit; "" and 0 where it is not said.
tellings = st.tuples(st.sampled_from(("sale", "sale", "lead")), st.sampled_from(("", "A", "B")), st.integers(0, 3))


@pytest.fixture
def links(keep):
    """Of three visits: two by Ana's link, and by Tom's between them. The bounty has funds for all."""
    def build():
        bounty = make.make_bounty(is_live=True, funded_for=EXAMPLES * 10)
        ana, tom = (link(bounty, make.make_user(name)).id for name in ("Ana Lind", "Tom Reed"))
        return ana, tom, ana
    return [db.session.get_one(ReferralLink, one) for one in keep("a rich bounty and two links", build)]


@dataclass(eq=False)
class Customer:
    own_id: str = ""
    is_bound: bool = False
    has_bought: bool = False
    waits: bool = False


@dataclass
class Model:
    """What somebody would say who listens, and remembers all of it."""

    rewards: int = 0
    known: list[Customer] = field(default_factory=list)
    came_by: dict[int, Customer] = field(default_factory=dict)

    def tell(self, kind: str, own_id: str, visit: int) -> None:
        named = next((one for one in self.known if own_id and one.own_id == own_id), None)
        came = self.came_by.get(visit)
        if came and own_id and came.own_id not in {"", own_id}:
            came = None  # Another's visit: whoever is named, is who they are.
        one = named or came or Customer()
        if named and came and named is not came:
            named.is_bound, named.has_bought = True, named.has_bought or came.has_bought
            self.known.remove(came)
            self.came_by = {key: named if whose is came else whose for key, whose in self.came_by.items()}
        self.known += [] if one in self.known else [one]
        one.own_id = own_id or one.own_id
        if visit:
            one.is_bound = self.came_by.setdefault(visit, one) is not None
        one.waits |= kind == "sale"
        if one.is_bound and kind == "sale":
            self._count(one)

    def ask_again(self) -> None:
        for one in self.known:
            if one.is_bound and one.waits:
                self._count(one)

    def _count(self, one: Customer) -> None:
        self.rewards += not one.has_bought
        one.has_bought, one.waits = True, False


def counts():
    """Customers who are known by anything, and first rewards."""
    end_reading()
    visits = select(BindingClick.click_hash).where(BindingClick.binding_id == Binding.id).exists()
    known = select(func.count()).select_from(Binding).where(
        or_(Binding.customer_hash.is_not(None), Binding.email_hash.is_not(None), visits))
    return db.session.scalar(known), db.session.scalar(select(func.count()).select_from(Reward))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(tellings.filter(lambda one: one[1] or one[2]), min_size=2, max_size=7), st.booleans())
@example([("sale", "A", 1), ("sale", "A", 2), ("sale", "", 2)], False)  # A second visit, later by itself.
@example([("sale", "A", 1), ("sale", "A", 2), ("sale", "", 2)], True)
@example([("lead", "", 2), ("sale", "A", 1), ("sale", "A", 2), ("sale", "", 2)], False)  # Found to be one, once they had bought.
@example([("lead", "", 1), ("lead", "", 2), ("lead", "A", 1), ("sale", "A", 2), ("sale", "", 1), ("sale", "", 2)], False)
@example([("sale", "A", 0), ("sale", "A", 0), ("lead", "", 3), ("lead", "A", 3), ("sale", "B", 3), ("sale", "", 3)], False)
def test_of_two_customers_and_three_visits_each_buys_first_once_in_whatever_order_they_are_told(links, said, is_batch):
    tag, model, (bound, rewards) = next(number), Model(), counts()
    visits = [click(one, ago=timedelta(days=ago), visitor=f"visit-{tag:06}-{ago:03}") for one, ago in zip(links, (1, 3, 2), strict=True)]
    business = db.session.get_one(Bounty, links[0].bounty_id).business

    def told(at):
        _, own_id, visit = said[at]
        return {"external_id": f"{tag}-{at}", "customer": f"{own_id}{tag}" if own_id else None, "click": visits[visit - 1] if visit else None}

    def ask_again(ids):
        for one in ids:
            with transaction():
                match_reports(one)
        model.ask_again()

    if is_batch:
        end_reading()
        with transaction():
            taken = take_conversions(
                db.session.get_one(Business, business.id),
                [Reported(kind=ReportKind(one[0]), amount=SALE if one[0] == "sale" else None, **told(at)) for at, one in enumerate(said)],
                source=ConversionSource.API, by=make.owner_of(business))
    for at, one in enumerate(said):
        model.tell(*one)
        if not is_batch:
            ask_again([report(business, one[0], **told(at)).report.id])
    if is_batch:
        ask_again([one.report.id for one in taken])
    assert counts() == (bound + sum(one.is_bound for one in model.known), rewards + model.rewards)


def test_who_were_bound_apart_are_one_from_then_on_and_the_trail_says_so(links, clock):
    business = db.session.get_one(Bounty, links[0].bounty_id).business
    first, second = click(links[0], ago=timedelta(days=2)), click(links[1], visitor="visitor-of-test2")
    report(business, "lead", external_id="1", click=first)
    report(business, "lead", external_id="2", click=second, email="kim@example.com")
    sold = report(business, external_id="3", click=second, customer="cus_1")
    both = report(business, external_id="4", click=first, customer="cus_1")
    assert (sold.state, both.reason) == ("pending", "first_sale_only") and "They bought by it before." in both.reasons[0]
    assert {report(business, external_id=mark, **{mark: said}).reason for mark, said in (
        ("click", first), ("email", "kim@example.com"), ("customer", "cus_1"))} == {"first_sale_only"}
    assert counts() == (1, 1)
    joined = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "customer.joined")).one()
    assert db.session.get_one(Binding, joined.details["to"]).lead_id == sold.report.lead_id
    end_reading()
    clock.move(CUSTOMERS.after + timedelta(days=1))
    with transaction():
        customers_long_ago()
    assert counts()[0] == db.session.query(Binding).count() == db.session.query(BindingClick).count() == 0


OLD = """CREATE TABLE bindings (
    id TEXT NOT NULL, business_id TEXT NOT NULL, customer_hash TEXT, email_hash TEXT, created_at TIMESTAMP WITH TIME ZONE, click_hash TEXT,
    CONSTRAINT bindings_knows_the_customer_check CHECK (customer_hash IS NOT NULL OR email_hash IS NOT NULL), PRIMARY KEY (id))"""
REPORTS = """CREATE TABLE reports (id TEXT, business_id TEXT, binding_id TEXT, customer_hash TEXT, click_hash TEXT, link_code TEXT,
    created_at TIMESTAMP WITH TIME ZONE)"""
NAMED = "SELECT id, customer_hash, email_hash, click_hash FROM bindings ORDER BY id"


def test_the_visits_that_are_known_of_customers_bound_before_are_kept(request, tmp_path):
    with old_database(request, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            for table in ("CREATE TABLE businesses (id TEXT PRIMARY KEY)", OLD, REPORTS,
                          "CREATE UNIQUE INDEX bindings_click_key ON bindings (business_id, click_hash)",
                          "INSERT INTO businesses VALUES ('biz')"):
                connection.execute(text(table))
            for row in ("'a', 'biz', 'id a', NULL, {0}, 'click 1'", "'b', 'biz', 'click 3', NULL, {0}, 'click 3'",
                        "'c', 'biz', 'click 4', NULL, {0}, NULL", "'d', 'biz', 'id d', 'mail d', {0}, NULL"):
                connection.execute(text(f"INSERT INTO bindings VALUES ({row.format('CURRENT_TIMESTAMP')})"))
            for row in ("'1', 'biz', 'a', 'id a', 'click 1'", "'2', 'biz', 'a', 'id a', 'click 2'", "'3', 'biz', 'd', 'id d', 'click 2'",
                        "'4', 'biz', 'c', 'click 4', NULL", "'5', 'biz', NULL, 'id e', 'click 5'"):
                connection.execute(text(f"INSERT INTO reports VALUES ({row}, 'r', CURRENT_TIMESTAMP)"))
            before = connection.execute(text(NAMED)).all()
            migrate(connection, "upgrade", "0031_every_click_of_a_customer")
            assert connection.execute(text("SELECT click_hash, binding_id FROM binding_clicks ORDER BY click_hash")).all() == [
                ("click 1", "a"), ("click 2", "a"), ("click 3", "b"), ("click 4", "c")]
            assert connection.execute(text("SELECT id, customer_hash FROM bindings ORDER BY id")).all() == [
                ("a", "id a"), ("b", None), ("c", "click 4"), ("d", "id d")]
            connection.execute(text("INSERT INTO bindings VALUES ('e', 'biz', NULL, NULL, CURRENT_TIMESTAMP)"))
            migrate(connection, "downgrade", "0031_every_click_of_a_customer")
            after = [("c", "click 4", None, "click 4"), before[3], ("e", "e", None, None)]
            assert connection.execute(text(NAMED)).all() == [*before[:2], *after]
        engine.dispose()
