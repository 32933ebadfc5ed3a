"""Conversions that come in: one by API, a thousand, a repeat; and what waits, found when its customer is known.

The ceiling of one is an endpoint that authenticates and reads the same body; beside it the same rows through plain
steps of the library's objects, each written by itself.
"""
import gc
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask, g
from flask_smorest import Blueprint
from sqlalchemy import insert

from benchmarks.figures import Figure, take_turns
from benchmarks.product import product, settle
from benchmarks.sales_world import Shop, make_shops
from marketplace.bounties.models import Bounty, For
from marketplace.bounties.rules import Event, Happening, price
from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, rows_of, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.limits import limiter
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage
from marketplace.foundation.web import csrf
from marketplace.identity.api_keys import SCOPES, create_key
from marketplace.identity.models import Business, User
from marketplace.identity.session import require_scope
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.models import (
    Acquaintance,
    Buyer,
    Conversion,
    ConversionSource,
    Evidence,
    EvidenceState,
    Lead,
    LeadSource,
    Moderation,
    Reward,
    Stage,
)
from marketplace.tracking.click_ids import sign_click
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.links import link_of
from marketplace.tracking.models import Binding, BindingClick, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.report_schemas import OneInput
from marketplace.tracking.reported import Reported, fingerprint_of, hash_click, hash_customer
from marketplace.tracking.retrying import match_reports

ONE_BAR, NAIVE_BAR, REPEAT_BAR, BATCH_BAR, FLAT_BAR = 0.25, 5, 1, 10, 2
CALLS, BATCH, FEW, MANY, A_TIME, TIMES = 8, 1_000, 10_000, 1_000_000, 20_000, 15
FUNDS = Money(99_000_000_00, "usd")
SALE = {"kind": "sale", "amount": "300.00", "currency": "usd"}
parse_only = Blueprint("parse_only", __name__, url_prefix="/api/v1")


@parse_only.post("/bench/parsed")
@require_scope("conversions:write")
@parse_only.arguments(OneInput)
def parsed(written: dict[str, Any]) -> Any:
    """Authenticated and read; nothing is done with it."""
    return {"external_id": written["said"].external_id}


class Program:
    """A shop's program: every customer comes by a click of their own, for one visit is one customer."""

    def __init__(self, app: Flask, shop: Shop) -> None:
        with transaction():
            owner = db.session.get_one(User, shop.owner_id)
            secret = create_key(owner, name="Shop", scopes=list(SCOPES), days=None)[1]
            self.link_id = link_of(db.session.get_one(Bounty, shop.bounty_id), by=db.session.get_one(
                User, shop.referrer_id)).id
            self.code = db.session.get_one(ReferralLink, self.link_id).code
        db.session.remove()
        self.shop, self.client, self.number = shop, app.test_client(), 0
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.clicked_at = clock.now() - timedelta(days=1)

    def click(self) -> str:
        return sign_click(self.code, self.clicked_at, f"visitor-{self.number:08}")

    def item(self) -> dict[str, str]:
        self.number += 1
        return {**SALE, "external_id": f"order-{self.number}", "customer": f"cus-{self.number}", "click": self.click()}

    def post(self, path: str, body: Any, wanted: int) -> Any:
        """As from another process: what the context that is open here knows of the caller and has read is forgotten."""
        g.pop("_login_user", None)
        db.session.remove()
        answer = self.client.post(f"/api/v1{path}", json=body, headers=self.headers)
        assert answer.status_code == wanted, answer.text
        return answer.json

    def one(self) -> None:
        assert self.post("/conversions", self.item(), 201)["state"] == "pending"

    def batch(self) -> None:
        items = [self.item() for _ in range(BATCH)]
        assert self.post("/conversions/batch", {"conversions": items}, 200)["taken"] == BATCH


def measure(server: str | None = None) -> list[Figure]:
    on = "PostgreSQL" if server else "SQLite"
    with product(server) as app:
        limiter.enabled = False
        csrf.exempt(parse_only)
        app.register_blueprint(parse_only)
        program = Program(app, _rich(make_shops(1)[0]))
        return [*_by_api(program, on, is_wall=bool(server)), *_what_waits(program, on, is_wall=bool(server))]


def _by_api(program: Program, on: str, *, is_wall: bool) -> list[Figure]:
    program.one()
    gc.freeze()  # As wsgi.py does.
    first = {**program.item()}
    program.post("/conversions", first, 201)
    one, again, bare, naive = take_turns(
        program.one, lambda: program.post("/conversions", first, 201),
        lambda: program.post("/bench/parsed", program.item(), 200), lambda: _naively(program),
        calls=(CALLS, CALLS, CALLS, 2), is_wall=is_wall)
    batch = _middle(program.batch, 3, is_wall=is_wall) / BATCH
    assert ledger.check_ledger() == []
    told = f"one {one.middle / 1e3:.2f} ms, parse-only {bare.middle / 1e3:.2f}, by objects {naive.middle / 1e3:.2f}, "
    told += f"repeat {again.middle / 1e3:.2f}, of a batch {batch / 1e3:.2f} {'of the wall' if is_wall else 'of CPU'}"
    return [
        _figure(f"{on}: conversion by API, parse-only endpoint / it", bare.middle / one.middle, ONE_BAR, "higher",
                told),
        _figure(f"{on}: conversion, naive ORM steps / API", naive.middle / one.middle, NAIVE_BAR, "higher"),
        _figure(f"{on}: conversion repeated / first", again.middle / one.middle, REPEAT_BAR, "lower"),
        _figure(f"{on}: conversion alone / of a batch of 1,000", one.middle / batch, BATCH_BAR, "higher")]


def _what_waits(program: Program, on: str, *, is_wall: bool) -> list[Figure]:
    """A click arrives for one of many customers who wait: the report that brings it, and the job that it promised."""
    spent, numbers = {}, iter(range(FEW))
    for made, count in ((0, FEW), (FEW, MANY)):
        _let_wait(program.shop, made, count)
        settle()
        gc.collect()  # What made the rows is not to be looked through while one of them is matched.
        gc.freeze()
        spent[count] = _middle(lambda: _match_one(program, next(numbers)), TIMES, is_wall=is_wall)
    return [_figure(f"{on}: unmatched matched, of {MANY:,} / of {FEW:,}", spent[MANY] / spent[FEW], FLAT_BAR, "lower",
                    f"{spent[FEW] / 1e3:.1f} ms of {FEW:,}, {spent[MANY] / 1e3:.1f} of {MANY:,}")]


def _match_one(program: Program, number: int) -> None:
    with transaction():
        business = db.session.get_one(Business, program.shop.business_id)
        said = Reported(external_id=f"lead-{number}", kind=ReportKind.LEAD, customer=f"waits-{number}",
                        click=program.click())
        came = take_conversion(business, said, source=ConversionSource.API,
                               by=db.session.get_one(User, program.shop.owner_id)).report.id
    with transaction():
        match_reports(came)
    state = db.session.query(Report.state).filter_by(
        business_id=program.shop.business_id, source=ConversionSource.API, external_id=f"waiting-{number}").scalar()
    assert state is ReportState.APPROVED, state
    db.session.remove()


def _let_wait(shop: Shop, made: int, count: int) -> None:
    now = clock.now()
    for start in range(made, count, A_TIME):
        with transaction():
            db.session.execute(insert(rows_of(Report)), [
                {"id": new_id("report"), "business_id": shop.business_id, "source": ConversionSource.API,
                 "external_id": f"waiting-{number}", "fingerprint": "-", "kind": ReportKind.SALE,
                 "state": ReportState.UNMATCHED, "amount_minor": 30_000, "currency": "usd", "happened_at": now,
                 "customer_hash": hash_customer(shop.business_id, f"waits-{number}"), "payload": {},
                 "reported_by": shop.owner_id, "reason": "nobody", "reasons": [], "created_at": now, "version": 1}
                for number in range(start, min(start + A_TIME, count))])
        db.session.remove()


def _rich(shop: Shop) -> Shop:
    with transaction():
        funds = ledger.account(AccountKind.FUNDS, shop.bounty_id, "usd")
        ledger.move(FUNDS, source=ledger.clearing("usd"), target=funds, kind="funding", reference="bench:funds")
    return shop


def _naively(program: Program) -> None:
    """The same rows and entries, each object added, flushed and committed by itself, as a first version would."""
    shop, item = program.shop, program.item()
    response = program.post("/bench/parsed", item, 200)
    bounty, owner = db.session.get_one(Bounty, shop.bounty_id), db.session.get_one(User, shop.owner_id)
    link, now, amount = db.session.get_one(ReferralLink, program.link_id), clock.now(), Money(30_000, "usd")
    said = Reported(external_id=response["external_id"], kind=ReportKind.SALE, amount=amount, customer=item["customer"])
    preview = price(bounty.terms, Event(Happening.WON, amount))
    buyer = _saved(Buyer(told_at=now, told_how="business"))
    lead = Lead(bounty_id=bounty.id, terms_id=bounty.terms.id, business_id=bounty.business_id,
                referrer_id=link.referrer_id, buyer_id=buyer.id, source=LeadSource.LINK, moderation=Moderation.ACCEPTED,
                stage=Stage.NEW,
                acquaintance=Acquaintance.NONE, how_known="", submitted_at=now, decided_at=now, decided_by="system",
                accepted_at=now, protected_until=now + timedelta(days=90))
    lead.evidence = Evidence(quote="Came by the link.", state=EvidenceState.GIVEN)
    _saved(lead)
    binding = _saved(Binding(
        business_id=bounty.business_id, customer_hash=hash_customer(bounty.business_id, item["customer"]),
        source=LeadSource.LINK, link_id=link.id, referrer_id=link.referrer_id, bounty_id=bounty.id,
        terms_id=bounty.terms.id, touched_at=now, lead_id=lead.id))
    _saved(BindingClick(business_id=bounty.business_id, click_hash=hash_click(bounty.business_id, item["click"]),
                        binding_id=binding.id))
    conversion = _saved(Conversion(
        business_id=bounty.business_id, bounty_id=bounty.id, lead_id=lead.id, source=ConversionSource.API,
        external_id=said.external_id, amount_minor=amount.minor, currency="usd", occurred_on=now.date(), payload={}))
    reward = _saved(Reward(
        conversion_id=conversion.id, lead_id=lead.id, bounty_id=bounty.id, business_id=bounty.business_id,
        whom=For.REFERRER, beneficiary_id=link.referrer_id, amount_minor=preview.reward.minor,
        fee_minor=preview.fee.minor, currency="usd",
        release_at=now))
    cost = preview.reward + preview.fee
    for kind, source, target in (("reserve", (AccountKind.FUNDS, bounty.id), (AccountKind.RESERVED, lead.id)),
                                 ("reward_earned", (AccountKind.RESERVED, lead.id), (AccountKind.HELD, reward.id))):
        with transaction():
            ledger.move(cost, source=ledger.account(*source, "usd"), target=ledger.account(*target, "usd"), kind=kind,
                        reference=f"{reward.id}:{kind}")
    report = _saved(Report(
        business_id=bounty.business_id, source=ConversionSource.API, external_id=said.external_id,
        fingerprint=fingerprint_of(said), kind=ReportKind.SALE, state=ReportState.APPROVED, amount_minor=amount.minor,
        currency="usd", happened_at=now, customer_hash=binding.customer_hash, payload={}, reported_by=owner.id,
        reasons=[], binding_id=binding.id, lead_id=lead.id, conversion_id=conversion.id))
    for action, subject in (("report.received", report.id), ("customer.bound", binding.id), ("lead.came", lead.id),
                            ("funds.reserved", lead.id), ("stage.won", lead.id), ("conversion.approved", conversion.id),
                            ("reward.pending", reward.id), ("report.approved", report.id)):
        _saved(AuditEvent(actor_id=owner.id, action=action, subject_id=subject, details={}))
    for job in ("release_reward", "send_letter", "look_at_rewards"):
        _saved(OutboxMessage(job=job, arguments={"reward_id": reward.id}, due_at=now + timedelta(days=30)))
    json.dumps({"id": report.id, "state": "pending", "reward": preview.reward.minor})
    db.session.remove()


def _saved(row: Any) -> Any:
    with transaction():
        db.session.add(row)
        db.session.flush()
    return row


def _middle(work: Callable[[], object], times: int, *, is_wall: bool) -> float:
    """Microseconds of one call, the middle of so many."""
    timer, spent = time.perf_counter if is_wall else time.process_time, []
    for _ in range(times):
        began = timer()
        work()
        spent.append((timer() - began) * 1e6)
    return sorted(spent)[times // 2]


def _figure(name: str, value: float, bar: float, better: str, note: str = "") -> Figure:
    return Figure(name, round(value, 2), "x", bar, better, note)
