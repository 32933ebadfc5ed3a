"""Two thousand honest leads and fifty cases of each of twelve kinds of fraud, lived through the product's own looks at
pointing, consent, conversion and transfer, over the real database: what is found of each kind, and who is held wrongly.

The rules were weighed with the first seed in sight. The held-out seed was first drawn after the rules and the world
stood as they are, and is replaced by a new one whenever either changes.
"""
import heapq
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from benchmarks.duplicates_world import Writer
from benchmarks.figures import Figure
from benchmarks.fraud_world import Life, Person, Place, Sighting, World, kinds
from benchmarks.product import product
from benchmarks.sales_world import REWARD, Shop, make_shops
from marketplace.bounties.models import For
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.traces import TraceKind, keep_traces
from marketplace.identity.models import User
from marketplace.referrals.fraud.scoring import look_at, look_at_owed
from marketplace.referrals.models import (
    Acquaintance,
    Buyer,
    Consent,
    Conversion,
    ConversionKind,
    ConversionSource,
    Evidence,
    EvidenceState,
    FraudCase,
    FraudScore,
    Lead,
    Moderation,
    Point,
    ReasonCode,
    Reward,
    RewardState,
    Stage,
    Verdict,
)
from marketplace.referrals.nearness import keep_likeness
from marketplace.referrals.suppression import hash_email, hash_phone

HONEST, OF_A_KIND = (int(part) for part in os.environ.get("FINGERPOST_FRAUD", "2000,50").split(","))
SEEDS = {"seed 1": 1, "held-out seed": 60_913}
START = datetime(2026, 1, 1, tzinfo=UTC)
RETURN_PERIOD = 30
STEPS = 2_000  # A transaction.


def measure(server: str | None = None) -> list[Figure]:
    figures: list[Figure] = []
    for name, seed in SEEDS.items():
        began = time.monotonic()
        with product(server):
            try:
                figures += _figures(name, _live(seed))
            finally:
                clock.use(clock.system_time)
        print(f"      fraud, {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return figures


class Story:
    """Everything that happens, in the order of its days."""

    def __init__(self, world: World, lives: list[Life], shops: list[Shop]) -> None:
        self.world, self.shops = world, shops
        self.users: dict[int, str] = {}
        self.days: list[tuple[float, int, Callable[[], None]]] = []
        self.leads: dict[int, str] = {}
        self.rewards: dict[int, str] = {}
        self.paid_at: dict[int, datetime] = {}
        for owner, shop in zip(world.owners, shops, strict=True):
            self.users[id(owner)] = shop.owner_id
            self.at(1, lambda owner=owner: self._sign_in(owner))
        for life in lives:
            if life.owner_pays_with:
                business, card = life.owner_pays_with
                self.at(2, lambda business=business, card=card: keep_traces(
                    shops[business].business_id, {TraceKind.ACCOUNT: card}))
            for sighting in life.leads:
                self._plan(sighting)

    def at(self, day: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.days, (day, self.world.number(), act))

    def live(self) -> None:
        while self.days:
            with transaction():
                for _ in range(min(STEPS, len(self.days))):
                    day, _, act = heapq.heappop(self.days)
                    moment = START + timedelta(days=day)
                    clock.use(lambda moment=moment: moment)
                    act()
            db.session.expunge_all()

    def _plan(self, one: Sighting) -> None:
        self.at(one.pointed, lambda: self._point(one))
        if one.accepted is None:
            self.at(one.pointed + 1.5, lambda: self._reject(one))
            return
        self.at(one.accepted, lambda: self._accept(one))
        if one.answered is not None:
            self.at(one.answered, lambda: self._answer(one))
        if one.sold is not None:
            self.at(one.sold, lambda: self._sell(one))
            self.at(one.sold + 0.5, lambda: self._connect(one.by))
            self.at(one.sold + RETURN_PERIOD, lambda: self._release(one))

    def _user(self, person: Person) -> str:
        if id(person) not in self.users:
            user = User(name=person.name, email=person.email, password_hash="-", email_confirmed_at=clock.now())
            db.session.add(user)
            db.session.flush()
            self.users[id(person)] = user.id
        return self.users[id(person)]

    def _sign_in(self, person: Person) -> None:
        user_id = self.users[id(person)]
        db.session.execute(update(User).where(User.id == user_id).values(name=person.name, email=person.email))
        keep_traces(user_id, _traces(person.place))

    def _point(self, one: Sighting) -> None:
        user_id, shop = self._user(one.by), self.shops[one.business]
        keep_traces(user_id, _traces(one.pointed_from or one.by.place))
        number = self.world.number()
        given = one.buyer_email if one.given_at_once else None
        buyer = Buyer(email=given, email_hash=hash_email(given) if given else None)
        db.session.add(buyer)
        db.session.flush()
        lead = Lead(
            bounty_id=shop.bounty_id, terms_id=shop.terms_id, business_id=shop.business_id, referrer_id=user_id,
            buyer_id=buyer.id, moderation=Moderation.IN_REVIEW, acquaintance=Acquaintance.ONLINE, how_known="-",
            post_hash=f"post-{number}", submitted_at=clock.now())
        lead.evidence = Evidence(state=EvidenceState.CAPTURED, url=f"https://posts.example/{number}", quote="-",
                                 author=one.author, text=" ".join(one.post), quote_found=True)
        db.session.add(lead)
        db.session.flush()
        db.session.refresh(lead)
        self.leads[id(one)] = lead.id
        keep_likeness(lead)
        look_at(lead, Point.POINTING)

    def _lead(self, one: Sighting) -> Lead:
        return db.session.get_one(Lead, self.leads[id(one)])

    def _reject(self, one: Sighting) -> None:
        lead = self._lead(one)
        lead.moderation, lead.reason_code = Moderation.REJECTED, ReasonCode.NOT_A_BUYER
        lead.decided_at, lead.decided_by = clock.now(), "system"

    def _accept(self, one: Sighting) -> None:
        """Also of one that is held: as if a person had let it go on, so that the later points are seen too."""
        lead = self._lead(one)
        lead.moderation, lead.stage, lead.accepted_at = Moderation.ACCEPTED, Stage.NEW, clock.now()
        lead.protected_until, lead.consent = clock.now() + timedelta(days=90), Consent.ASKED
        lead.decided_at, lead.decided_by = clock.now(), "system"

    def _answer(self, one: Sighting) -> None:
        lead = self._lead(one)
        keep_traces(lead.id, _traces(one.answers_from))
        buyer = db.session.get_one(Buyer, lead.buyer_id)
        buyer.email, buyer.email_hash = one.buyer_email, hash_email(one.buyer_email)
        buyer.phone, buyer.phone_hash = one.phone, hash_phone(one.phone) if one.phone else None
        lead.consent = Consent.GRANTED
        db.session.flush()
        look_at(lead, Point.CONSENT)

    def _sell(self, one: Sighting) -> None:
        lead = self._lead(one)
        lead.stage = Stage.WON
        sale = Conversion(
            business_id=lead.business_id, bounty_id=lead.bounty_id, lead_id=lead.id, kind=ConversionKind.SALE,
            source=ConversionSource.LEAD_WON, external_id=lead.id, amount_minor=3_000_000, currency="usd",
            occurred_on=clock.now().date(), payload={})
        db.session.add(sale)
        db.session.flush()
        reward = Reward(
            conversion_id=sale.id, lead_id=lead.id, bounty_id=lead.bounty_id, business_id=lead.business_id,
            whom=For.REFERRER, beneficiary_id=lead.referrer_id, amount=Money(REWARD, "usd"), fee_minor=0,
            release_at=clock.now() + timedelta(days=RETURN_PERIOD))
        db.session.add(reward)
        db.session.flush()
        self.rewards[id(one)] = reward.id
        look_at(lead, Point.CONVERSION, reward)

    def _connect(self, person: Person) -> None:
        """Who has earned something connects a bank account."""
        keep_traces(self.users[id(person)], {TraceKind.ACCOUNT: person.bank or person.email})
        look_at_owed(self.users[id(person)])

    def _release(self, one: Sighting) -> None:
        reward = db.session.get_one(Reward, self.rewards[id(one)])
        if reward.state is not RewardState.PENDING:
            return
        look_at(self._lead(one), Point.TRANSFER, reward)
        if reward.state is RewardState.PENDING:
            reward.state = RewardState.PAID
            self.paid_at[id(one)] = clock.now()


def _traces(place: Place) -> dict[TraceKind, str]:
    traces = {TraceKind.NETWORK: place.network, TraceKind.BROWSER: f"{place.network}\n{place.agent}"}
    if place.device:
        traces[TraceKind.DEVICE] = place.device
    if "Headless" in place.agent or "python-requests" in place.agent:
        traces[TraceKind.AUTOMATED] = "yes"
    return traces


def _live(seed: int) -> tuple[list[Life], Story, dict[str, FraudCase], dict[str, str]]:
    writer = Writer(seed=seed)
    world = World(seed, writer.post, lambda post: writer.scattered(post, 0.08))
    lives = world.lives(HONEST, OF_A_KIND)
    clock.use(lambda: START)
    story = Story(world, lives, make_shops(len(world.owners)))
    story.live()
    found = {case.lead_id: case for case in db.session.scalars(select(FraudCase))}
    worst: dict[str, str] = {}
    for look in db.session.scalars(select(FraudScore).order_by(FraudScore.score)):
        worst[look.lead_id] = "+".join(key for key, _, _ in look.reasons)
    return lives, story, found, worst


def _figures(name: str, lived: tuple[list[Life], Story, dict[str, FraudCase], dict[str, str]]) -> list[Figure]:
    lives, story, found, worst = lived
    caught: dict[str, list[bool]] = {}
    held, stopped, leads, why = Counter[str](), 0, 0, Counter[str]()
    for life in lives:
        if life.is_fraud:
            caught.setdefault(life.kind, []).append(_is_caught(life, story, found))
            continue
        for one in life.leads:
            leads += 1
            case = found.get(story.leads[id(one)])
            if case is not None:
                held[life.kind] += 1
                stopped += case.level is Verdict.STOP
                why[worst[case.lead_id]] += 1
    recall = {kind: sum(hits) / len(hits) for kind, hits in caught.items()}
    cases = sum(len(hits) for hits in caught.values())
    worst_kind = min(recall, key=recall.__getitem__)
    said = ", ".join(f"{kind} {share:.2f}" for kind, share in recall.items())
    who = ", ".join(f"{kind} {count}" for kind, count in held.most_common())
    for reasons, count in why.most_common():
        print(f"      {name}: {count} honest held for {reasons}", file=sys.stderr)
    of = f"of {leads:,} honest leads, {len(list(kinds([one for one in lives if not one.is_fraud])))} kinds"
    return [
        Figure(f"fraud, {name}: recall of the worst of {len(recall)} kinds", round(recall[worst_kind], 3), "", 0.95,
               "higher", f"{cases} cases; {said}"),
        Figure(f"fraud, {name}: honest leads held for a person", round(sum(held.values()) / leads, 4), "", 0.02,
               "lower", f"{of}; {who}"),
        Figure(f"fraud, {name}: honest leads stopped", stopped, "", 0, "lower", of)]


def _is_caught(life: Life, story: Story, found: dict[str, FraudCase]) -> bool:
    """A person looks at one of its leads before anything was paid for any of them; of a copied post, at the copy."""
    own = life.leads[-1:] if life.kind == "a copied post" else life.leads
    cases = [found[story.leads[id(one)]].created_at for one in own if story.leads[id(one)] in found]
    paid = [story.paid_at[id(one)] for one in own if id(one) in story.paid_at]
    return bool(cases) and (not paid or min(cases) <= min(paid))
