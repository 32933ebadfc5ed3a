"""A random life of the whole market, held against the model after every single step."""
from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from marketplace.bounties import drafting, publishing
from marketplace.bounties.models import BountyState
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import (
    FundingState,
    PayableState,
    PayeeState,
    RefundState,
    ReversalState,
    TransferState,
)
from marketplace.payments.money_out import payees
from marketplace.referrals import appeals, clawbacks, consent, contact, moderation, pointing, rewards, stages
from marketplace.referrals.desk import telling
from marketplace.referrals.desk.claims import let_go
from marketplace.referrals.models import (
    Acquaintance,
    Channel,
    ClawbackState,
    Consent,
    ConversionState,
    EvidenceState,
    Moderation,
    ReasonCode,
    Reward,
    RewardState,
    Stage,
)
from marketplace.referrals.models import Lead as LeadRow
from marketplace.referrals.queries import find_live_grant
from tests.properties.facts import Facts, Row
from tests.properties.invariants import AuditTrail, find_faults, stripe_did_what_we_say_once
from tests.properties.market import OK, Market, attempt, bounty_row, decide, person, terms_of
from tests.properties.model import Bounty, Lead, Model, Promise, Sale, fee_on

STATES = {prefix: frozenset(enum) for prefix, enum in {
    "lead": Moderation, "consent": Consent, "stage": Stage, "evidence": EvidenceState, "conversion": ConversionState,
    "reward": RewardState, "clawback": ClawbackState, "bounty": BountyState, "funding": FundingState,
    "refund": RefundState, "payee": PayeeState, "payable": PayableState, "transfer": TransferState,
    "reversal": ReversalState}.items()}
DEAD = {"rejected", "duplicate", "withdrawn", "expired"}
WINNABLE = {"new", "introduced", "qualified", "meeting", "negotiation"}
DAY = 86_400.0
FAULTS = ("lost_before", "lost_after", "half_written", "error_unstored", "error_stored", "error_stored_after",
          "rate_limited", "key_in_use")
AUDITED = 4  # The ledger's own audit reads it whole: every so many changes, and when a life ends.
MOST_BOUNTIES, MOST_FUNDINGS, MOST_LEADS = 5, 12, 20

numbers = st.integers(0, 11)
PROMISES: tuple[dict[str, int], ...] = (
    {"flat": 100_000, "hold_days": 30}, {"flat": 3_333, "hold_days": 0}, {"bps": 1_000, "cap": 50_000, "hold_days": 14},
    {"bps": 333, "cap": 7_777, "hold_days": 7}, {"flat": 12_345, "hold_days": 7},
)
SALES = (1_000_000, 333_333, 99, 3, 25_000, 77_777)


class MoneyMachine(RuleBasedStateMachine):
    """``market`` is set by the test that runs it; ``counted`` counts what was done over all lives."""

    market: ClassVar[Market]
    counted: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.counted["lives"] += 1
        self.model, self.trail = Model(), AuditTrail(STATES)
        self.market.begin()
        self.referrers = [self.market.make_person(name) for name in ("Ana", "Ben", "Cleo")]
        self.admins = [self.market.make_person(name, is_admin=True) for name in ("Mona", "Noor")]
        self.businesses: list[tuple[str, str, str]] = []
        for owner, name, currency in (("Wes", "Westside", "usd"), ("Koch", "Koch", "eur")):
            owner_id = self.market.make_person(owner)
            self.businesses.append((self.market.make_business(owner_id, name), owner_id, currency))
        self.outcomes: Counter[str] = Counter()
        self.serial = 0
        self.held: Facts | None = None
        self.changes = 0
        self.facts: Facts = self.market.looking.facts()

    # ---- looking --------------------------------------------------------------------------------------------------

    def expect(self, what: str, happened: str, *wanted: str) -> None:
        self.counted[f"{what}: {happened}"] += 1
        assert happened in wanted, f"{what} was answered {happened!r}, the model says {wanted}"
        self.facts = self.market.looking.facts()

    def free(self, bounty: Bounty) -> int:
        return self.facts.balance("funds", bounty.id, bounty.promise.currency)

    def row(self, lead: Lead) -> Row:
        return self.facts.leads[lead.id]

    def leads(self, *, moderation: str = "", sold: bool | None = None, **columns: str) -> list[Lead]:
        wanted = columns | ({"moderation": moderation} if moderation else {})
        return [lead for lead in self.model.leads.values()
                if all(self.row(lead)[name] == value for name, value in wanted.items())
                and (sold is None or (lead.sale is not None) == sold)]

    def bounty_of(self, lead: Lead) -> Bounty:
        return self.model.bounties[lead.bounty]

    def admin(self, number: int) -> str:
        return self.admins[number % len(self.admins)]

    def rows_of_rewards(self, *states: str) -> list[Row]:
        return [row for row in self.facts.rewards.values() if row["state"] in states]

    # ---- bounties and money in --------------------------------------------------------------------------------------

    @initialize(offers=st.tuples(numbers, numbers), sales=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3),
                days=st.sampled_from([0, 3, 9, 31]))
    def open_for_business(self, offers: tuple[int, int], sales: list[tuple[int, int]], days: int) -> None:
        """Two bounties, two people who can be paid, and some sales, so that lives are about what comes after."""
        for place, number in enumerate(offers):
            bounty = self._draft(place, number)
            self._fund(bounty, leads=6, told=True)
            self.expect("publish", self._publish(bounty), OK)
        for who in (0, 1):
            self.onboard(who)
        self.market.sandbox.deliver_webhooks()
        for place, price in sales:
            self._sell(place, place + price, price)
        self.market.pass_time(days=days)
        self._work()

    @rule(place=numbers, number=numbers)
    @precondition(lambda self: len(self.model.bounties) < MOST_BOUNTIES)
    def draft_another(self, place: int, number: int) -> None:
        self._draft(place, number)

    def _draft(self, place: int, number: int) -> Bounty:
        business_id, owner, currency = self.businesses[place % 2]
        promise = Promise(currency=currency, **PROMISES[number % len(PROMISES)])
        bounty_id = self.market.draft(business_id, by=owner, **vars(promise))
        bounty = self.model.bounties[bounty_id] = Bounty(bounty_id, business_id, owner, promise)
        return bounty

    @rule(place=numbers, leads=st.integers(1, 4), told=st.booleans())
    @precondition(lambda self: len(self.model.fundings) < MOST_FUNDINGS)
    def fund(self, place: int, leads: int, told: bool) -> None:
        self._fund(self._pick_bounty(place), leads=leads, told=told)

    def _fund(self, bounty: Bounty, *, leads: int, told: bool) -> None:
        amount, currency = max(bounty.promise.cost * leads, 500), bounty.promise.currency
        funding_id = self.market.ask_funding(bounty.id, bounty.business, amount, currency, by=bounty.owner)
        self.model.fundings[funding_id] = (bounty.id, amount, currency)
        self.market.pass_time(seconds=21)
        self.market.work()
        self.counted["paid in"] += self.market.pay(funding_id)
        if told:
            self.market.sandbox.deliver_webhooks()
            self.market.work()

    @rule(place=numbers)
    def publish(self, place: int) -> None:
        bounty = self._pick_bounty(place)
        is_funded, state = self.free(bounty) >= bounty.promise.cost, self.facts.bounties[bounty.id]["state"]
        wanted = "not_funded" if not is_funded else OK if state in {"draft", "paused"} else "illegal_move"
        self.expect("publish", self._publish(bounty), wanted)

    def _publish(self, bounty: Bounty) -> str:
        return attempt(lambda: publishing.publish_bounty(bounty_row(bounty.id), by=person(bounty.owner)))

    @rule(place=numbers, number=numbers)
    def edit_terms(self, place: int, number: int) -> None:
        bounty = self._pick_bounty(place)
        promise = Promise(currency=bounty.promise.currency, **PROMISES[number % len(PROMISES)])
        is_closed = self.facts.bounties[bounty.id]["state"] in {"closed", "archived"}
        happened = attempt(lambda: drafting.change_bounty(
            bounty_row(bounty.id), by=person(bounty.owner), title="Introduce a buyer to us, please",
            offer="We sell what people like to buy.", **terms_of(**vars(promise))))
        self.expect("edit terms", happened, "conflict" if is_closed else OK)
        if happened == OK:
            bounty.terms += bounty.promise != promise
            bounty.promise = promise
        assert self.facts.bounties[bounty.id]["terms_number"] == bounty.terms

    def _open_bounties(self) -> int:
        return sum(row["state"] in {"draft", "live", "paused"} for row in self.facts.bounties.values())

    @rule(place=numbers)
    @precondition(lambda self: self._open_bounties() > 2)
    def close(self, place: int) -> None:
        bounty = self._pick_bounty(place)
        may = self.facts.bounties[bounty.id]["state"] in {"draft", "live", "paused"}
        happened = attempt(lambda: publishing.close_bounty(bounty_row(bounty.id), by=person(bounty.owner)))
        self.expect("close", happened, OK if may else "illegal_move")

    def _pick_bounty(self, place: int) -> Bounty:
        found = list(self.model.bounties.values())
        return found[place % len(found)]

    # ---- a lead's way -----------------------------------------------------------------------------------------------

    @rule(place=numbers, who=numbers, buyer=st.integers(0, 4), by=st.sampled_from(["post", "email", "both"]))
    @precondition(lambda self: len(self.model.leads) < MOST_LEADS)
    def point(self, place: int, who: int, buyer: int, by: str) -> None:
        self._point(self._pick_bounty(place), self.referrers[who % 3], buyer, by)

    def _point(self, bounty: Bounty, referrer: str, buyer: int, by: str) -> Lead | None:
        post = f"https://blog.example/posts/{buyer}" if by in {"post", "both"} else None
        email = f"buyer{buyer}@mail.example" if by in {"email", "both"} else None
        wanted, twin = self._foresee_pointing(bounty, referrer, post, email)
        kept: list[LeadRow] = []
        happened = attempt(lambda: kept.append(pointing.point_at_buyer(
            bounty_row(bounty.id), by=person(referrer), quote="I am looking for one.", how_known="I read them.",
            acquaintance=Acquaintance.ONLINE, url=post, text=None if post else "I am looking for one.",
            buyer_name="Dana", buyer_email=email)))
        self.expect("point", happened, wanted)
        if happened != OK:
            return None
        row = kept[0]
        lead = Lead(row.id, bounty.id, bounty.promise, row.terms_id, referrer, post, email, self.market.now(),
                    len(self.model.leads), duplicate_of=twin.id if twin else None)
        self.model.leads[lead.id] = lead
        assert self.facts.leads[lead.id]["moderation"] == ("duplicate" if twin else "submitted")
        self.counted["duplicate"] += twin is not None
        return lead

    def _foresee_pointing(
        self, bounty: Bounty, referrer: str, post: str | None, email: str | None
    ) -> tuple[str, Lead | None]:
        if self.facts.bounties[bounty.id]["state"] != "live" or self.free(bounty) < bounty.promise.cost:
            return "bounty_not_open", None
        if {post, email} & self.model.never:
            return "buyer_asked_not_to", None
        twins = [lead for lead in self.model.leads.values() if self.bounty_of(lead).business == bounty.business
                 and self.row(lead)["moderation"] not in DEAD
                 and ((post and lead.post == post) or (email and lead.email == email))]
        twin = min(twins, key=lambda lead: (str(self.row(lead)["submitted_at"]), lead.id)) if twins else None
        return ("already_pointed", None) if twin and twin.referrer == referrer else (OK, twin)

    @rule(n=numbers, who=numbers)
    @precondition(lambda self: self.model.leads)
    def accept(self, n: int, who: int) -> None:
        waiting = self.leads(moderation="in_review") or list(self.model.leads.values())
        self._accept(_nth(waiting, n), who)

    def _accept(self, lead: Lead, who: int) -> None:
        is_funded = self.free(self.bounty_of(lead)) >= lead.promise.cost
        wanted = "illegal_move" if self.row(lead)["moderation"] != "in_review" else OK if is_funded else "funds_gone"
        wanted = self._unless_second_is_needed(lead, who, wanted)
        self.expect("accept", attempt(lambda: decide(
            moderation.accept_lead, _lead(lead), by=person(self.admin(who)))), wanted)

    def _unless_second_is_needed(self, lead: Lead, who: int, wanted: str) -> str:
        """On an appeal another admin decides than the one who refused."""
        return "second_admin_needed" if lead.appealed and lead.refused_by == self.admin(who) else wanted

    @rule(n=numbers, who=numbers, is_accepted=st.booleans())
    @precondition(lambda self: self.leads(moderation="in_review"))
    def decide_and_undo(self, n: int, who: int, is_accepted: bool) -> None:
        """Told to nobody, it leaves nothing behind: the invariants see no reservation and no state."""
        lead = _nth(self.leads(moderation="in_review"), n)
        before, admin = self.free(self.bounty_of(lead)), self.admin(who)
        if is_accepted:
            happened = attempt(lambda: moderation.accept_lead(_lead(lead), by=person(admin)))
        else:
            happened = attempt(lambda: moderation.reject_lead(
                _lead(lead), by=person(admin), reason_code=ReasonCode.SPAM))
        wanted = OK if not is_accepted or before >= lead.promise.cost else "funds_gone"
        self.expect("decide", happened, self._unless_second_is_needed(lead, who, wanted))
        if happened == OK:
            self.expect("undo", attempt(lambda: telling.undo_decision(_lead(lead), by=person(admin))), OK)
            attempt(lambda: let_go(_lead(lead), by=person(admin)))  # Undoing opens the case for them again.
            self.facts = self.market.looking.facts()
            assert (self.row(lead)["moderation"], self.free(self.bounty_of(lead))) == ("in_review", before)

    @rule(n=numbers, who=numbers)
    @precondition(lambda self: self.model.leads)
    def reject(self, n: int, who: int) -> None:
        lead = self._any_lead(n)
        wanted = OK if self.row(lead)["moderation"] == "in_review" else "illegal_move"
        wanted = self._unless_second_is_needed(lead, who, wanted)
        happened = attempt(lambda: decide(
            moderation.reject_lead, _lead(lead), by=person(self.admin(who)), reason_code=ReasonCode.OUT_OF_SCOPE,
            missed_criterion="Wants to buy"))
        self.expect("reject", happened, wanted)
        if happened == OK and not lead.appealed:
            lead.refused_by = self.admin(who)

    @rule(n=numbers, who=numbers)
    @precondition(lambda self: self.leads(moderation="in_review"))
    def ask_for_info(self, n: int, who: int) -> None:
        lead = _nth(self.leads(moderation="in_review"), n)
        self.expect("ask for info", attempt(lambda: decide(
            moderation.ask_for_info, _lead(lead), by=person(self.admin(who)), question="Where do they live?")),
            self._unless_second_is_needed(lead, who, OK))

    @rule(n=numbers)
    @precondition(lambda self: self.leads(moderation="needs_info"))
    def answer_info(self, n: int) -> None:
        lead = _nth(self.leads(moderation="needs_info"), n)
        was_unread = self.facts.evidence[lead.id]["state"] == "unavailable"
        self.expect("answer", attempt(lambda: moderation.answer_info(
            _lead(lead), by=person(lead.referrer), answer="In town.",
            text="I am looking for one." if was_unread else None)), OK)
        lead.submitted_at = self.market.now()

    @rule(n=numbers)
    @precondition(lambda self: self.leads(moderation="rejected") + self.leads(moderation="duplicate"))
    def appeal(self, n: int) -> None:
        lead = _nth(self.leads(moderation="rejected") + self.leads(moderation="duplicate")
                    + self.leads(moderation="submitted"), n)
        state = self.row(lead)["moderation"]
        wanted = "appeal_used" if lead.appealed else OK if state in {"rejected", "duplicate"} else "not_refused"
        twins = self._twins_of(lead)
        happened = attempt(lambda: appeals.appeal_decision(_lead(lead), by=person(lead.referrer), why="It is a real buyer."))
        self.expect("appeal", happened, wanted)
        if happened == OK:
            lead.appealed, lead.submitted_at = True, self.market.now()
            if twins or state == "duplicate":
                lead.duplicate_of = lead.duplicate_of or (twins[0].id if twins else None)
                lead.post = lead.email = None

    def _twins_of(self, lead: Lead) -> list[Lead]:
        """Live leads of the same business for the same post or buyer, the earliest first."""
        found = [other for other in self.model.leads.values() if other is not lead
                and self.bounty_of(other).business == self.bounty_of(lead).business
                and self.row(other)["moderation"] not in DEAD
                and ((lead.post and lead.post == other.post) or (lead.email and lead.email == other.email))]
        return sorted(found, key=lambda other: (str(self.row(other)["submitted_at"]), other.id))

    @rule(n=numbers)
    @precondition(lambda self: self.model.leads)
    def withdraw_lead(self, n: int) -> None:
        lead = self._any_lead(n)
        may = self.row(lead)["moderation"] in {"submitted", "in_review", "needs_info"}
        self.expect("withdraw lead", attempt(lambda: pointing.withdraw_lead(_lead(lead), by=person(lead.referrer))),
                    OK if may else "illegal_move")

    @rule(n=numbers, days=st.integers(1, 60), at_once=st.booleans())
    @precondition(lambda self: self.leads(consent="asked"))
    def buyer_says_yes(self, n: int, days: int, at_once: bool) -> None:
        lead = _nth(self.leads(consent="asked"), n)
        self._say_yes(lead, days)
        if at_once:
            self._confirm(lead)

    def _say_yes(self, lead: Lead, days: int) -> None:
        until = product_clock.now().date().toordinal() + days
        self.expect("yes", attempt(lambda: consent.give_consent(
            _lead(lead), name="Dana", email=_email_of(lead), channel=Channel.EMAIL,
            until=type(product_clock.now().date()).fromordinal(until), proven=False)), OK)
        lead.consent_until = float(until)

    @rule(n=numbers)
    @precondition(lambda self: [lead for lead in self.leads(consent="asked") if lead.consent_until])
    def buyer_confirms(self, n: int) -> None:
        self._confirm(_nth([lead for lead in self.leads(consent="asked") if lead.consent_until], n))

    def _confirm(self, lead: Lead) -> None:
        email = _email_of(lead)
        related = [other for other in self.model.leads.values() if other is not lead
                   and self.bounty_of(other).business == self.bounty_of(lead).business
                   and self.row(other)["moderation"] not in DEAD
                   and (other.email == email or other.id == lead.duplicate_of or other.duplicate_of == lead.id)]
        is_taken = any(self.row(o)["consent"] == "granted" or self.row(o)["stage"] == "won" for o in related)

        def confirm() -> None:
            grant = find_live_grant(_lead(lead))
            assert grant is not None
            consent.confirm_consent(grant)

        happened = attempt(confirm)
        self.expect("confirm", happened, "already_answered" if is_taken else OK)
        if happened == OK:
            lead.email, lead.confirmed = email, True

    @rule(n=numbers, never=st.sampled_from([False, False, False, True]))
    @precondition(lambda self: self.leads(consent="asked"))
    def buyer_says_no(self, n: int, never: bool) -> None:
        lead = _nth(self.leads(consent="asked"), n)
        known = {lead.post, lead.email, _email_of(lead) if lead.consent_until else None}
        self.expect("no", attempt(lambda: consent.refuse_consent(_lead(lead), never=never)), OK)
        if never:
            self.model.never |= known - {None}

    @rule(n=numbers)
    @precondition(lambda self: self.model.leads)
    def buyer_takes_it_back(self, n: int) -> None:
        lead = self._any_lead(n)
        wanted = OK if self.row(lead)["consent"] == "granted" else "already_answered"
        self.expect("take back", attempt(lambda: consent.withdraw_consent(_lead(lead))), wanted)

    @rule(n=numbers)
    @precondition(lambda self: self.model.leads)
    def open_contact(self, n: int) -> None:
        lead = self._any_lead(n)
        row, today = self.row(lead), product_clock.now().date().toordinal()
        is_open = row["consent"] == "granted" and lead.confirmed and today <= lead.consent_until
        owner = self.bounty_of(lead).owner
        self.expect("open contact", attempt(lambda: contact.open_contact(_lead(lead), by=person(owner))),
                    OK if is_open else "no_consent")

    @rule(n=numbers, to=st.sampled_from(["qualified", "meeting", "lost", "new", "unqualified"]))
    @precondition(lambda self: self._workable())
    def change_stage(self, n: int, to: str) -> None:
        lead = _nth(self._workable(), n)
        row, bounty = self.row(lead), self.bounty_of(lead)
        may = to in STAGES_AFTER[row["stage"]]
        if to == "meeting" and row["consent"] == "withdrawn":  # Nobody is met who took their yes back.
            wanted = "lead_not_open"
        elif may and to == "new" and self.free(bounty) < lead.promise.cost:
            wanted = "not_enough_money"
        else:
            wanted = OK if may else "illegal_move"
        happened = attempt(lambda: stages.change_stage(
            _lead(lead), Stage(to), by=person(bounty.owner), reason="They found another one."))
        self.expect(f"stage {to}", happened, wanted)

    def _workable(self) -> list[Lead]:
        return [lead for lead in self.leads(moderation="accepted") if self.row(lead)["consent"] in {"granted", "withdrawn"}]

    @rule(n=numbers, price=numbers, order=numbers)
    @precondition(lambda self: self._workable())
    def win(self, n: int, price: int, order: int) -> None:
        self._win(_nth(self._workable(), n), SALES[price % len(SALES)], f"order {order}")

    def _win(self, lead: Lead, price: int, order: str) -> None:
        bounty = self.bounty_of(lead)
        is_counted = (bounty.business, order) in self.model.orders
        wanted = "illegal_move" if self.row(lead)["stage"] not in WINNABLE else "already_counted" if is_counted else OK
        happened = attempt(lambda: stages.win_lead(
            _lead(lead), by=person(bounty.owner), amount=Money(price, lead.promise.currency),
            occurred_on=product_clock.now().date(), order_number=order))
        self.expect("win", happened, wanted)
        if happened == OK:
            earned = lead.promise.earns(price)
            lead.sale = Sale(price, earned, fee_on(earned), self.market.now())
            self.model.orders.add((bounty.business, order))

    @rule(place=numbers, who=numbers, price=numbers)
    @precondition(lambda self: len(self.model.leads) < MOST_LEADS)
    def sell_from_post_to_sale(self, place: int, who: int, price: int) -> None:
        """The whole story at once, so that lives get to the end of it often."""
        self._sell(place, who, price)

    def _sell(self, place: int, who: int, price: int) -> None:
        self.serial += 1
        lead = self._point(self._pick_bounty(place), self.referrers[who % 3], 100 + self.serial, "email")
        if lead is None:
            return
        self.market.work()
        self.facts = self.market.looking.facts()
        self._accept(lead, who)
        if self.row(lead)["consent"] == "asked":
            self._say_yes(lead, 30)
            self._confirm(lead)
            self._win(lead, SALES[price % len(SALES)], f"sold {self.serial}")

    def _any_lead(self, n: int) -> Lead:
        return _nth(list(self.model.leads.values()), n)

    # ---- rewards ----------------------------------------------------------------------------------------------------

    @rule(n=numbers, share=st.integers(1, 110), number=st.integers(0, 30))
    @precondition(lambda self: self.leads(sold=True))
    def refund_part_of_a_sale(self, n: int, share: int, number: int) -> None:
        self._refund(n, share, number)

    @rule(n=numbers, share=st.integers(1, 35), number=st.integers(31, 60))
    @precondition(lambda self: self.rows_of_rewards("paid", "scheduled"))
    def refund_what_was_paid_for(self, n: int, share: int, number: int) -> None:
        row = _nth(self.rows_of_rewards("paid", "scheduled"), n)
        self._refund(self.leads(sold=True).index(self.model.leads[row["lead_id"]]), share, number)

    def _refund(self, n: int, share: int, number: int) -> None:
        lead = _nth(self.leads(sold=True), n)
        sale = lead.sale
        assert sale is not None
        minor, name = max(sale.amount * share // 100, 1), f"refund {number}"
        too_much = minor > sale.amount - sale.refunded
        wanted = "refund_known" if name in sale.numbers else "refund_too_large" if too_much else OK
        happened = attempt(lambda: clawbacks.refund_sale(
            _lead(lead), by=person(self.bounty_of(lead).owner), amount=Money(minor, lead.promise.currency),
            refund_number=name))
        self.expect("refund", happened, wanted)
        if happened == OK:
            sale.refund(minor, name)

    @rule(n=numbers)
    @precondition(lambda self: self.facts.rewards)
    def freeze(self, n: int) -> None:
        row = _nth(list(self.facts.rewards.values()), n)
        self.expect("freeze", attempt(lambda: rewards.freeze_reward(
            db.session.get_one(Reward, row["id"]), by=person(self.admins[0]), reason="a look")),
            OK if row["state"] == "pending" else "illegal_move")

    @rule(n=numbers)
    @precondition(lambda self: self.rows_of_rewards("on_hold"))
    def unfreeze(self, n: int) -> None:
        row = _nth(self.rows_of_rewards("on_hold"), n)
        self.expect("unfreeze", attempt(lambda: rewards.unfreeze_reward(
            db.session.get_one(Reward, row["id"]), by=person(self.admins[0]))), OK)

    # ---- people who are paid ----------------------------------------------------------------------------------------

    @rule(who=numbers)
    def onboard(self, who: int) -> None:
        user_id = self.referrers[who % 3]
        known = any(row["user_id"] == user_id for row in self.facts.connected_accounts.values())
        happened = attempt(lambda: payees.start_payee(person(user_id), "US", by=person(user_id)))
        self.expect("start payee", happened, "payee_exists" if known else OK)
        self.market.pass_time(seconds=21)
        self.market.work()
        self._fill_in_the_form(user_id)

    def _fill_in_the_form(self, user_id: str) -> None:
        payee = payees.find_payee(user_id)
        assert payee is not None
        payee_id, state, account = payee.id, payee.state, payee.stripe_account_id
        if account is None or state is PayeeState.READY:
            return
        attempt(lambda: payees.note_link_issued(payee_id, by=person(user_id)))
        self.market.sandbox.control.set_account_state(account, state="active")
        self.counted["onboarded"] += 1

    @rule(who=numbers, state=st.sampled_from(["restricted", "active", "active", "pending"]))
    @precondition(lambda self: any(row["stripe_account_id"] for row in self.facts.connected_accounts.values()))
    def stripe_thinks_again(self, who: int, state: str) -> None:
        accounts = [row for row in self.facts.connected_accounts.values() if row["stripe_account_id"]]
        self.market.sandbox.control.set_account_state(_nth(accounts, who)["stripe_account_id"], state=state)
        self.counted[f"account {state}"] += 1

    @rule(who=numbers)
    @precondition(lambda self: any(row["stripe_account_id"] for row in self.facts.connected_accounts.values()))
    def payee_takes_the_money_home(self, who: int) -> None:
        accounts = [row for row in self.facts.connected_accounts.values() if row["stripe_account_id"]]
        account = _nth(accounts, who)["stripe_account_id"]
        for currency in ("usd", "eur"):
            self.market.sandbox.control.pay_out_account(account, currency=currency)

    # ---- time, jobs, Stripe's moods ---------------------------------------------------------------------------------

    @rule(days=st.sampled_from([1, 1, 3, 7, 8, 14, 31, 40]))
    def days_pass(self, days: int) -> None:
        self.market.pass_time(days=days)
        self._work()

    @rule(minutes=st.sampled_from([1, 2, 16, 61]))
    def minutes_pass(self, minutes: int) -> None:
        self.market.pass_time(minutes=minutes)
        self._work()

    @rule()
    def run_due_jobs(self) -> None:
        self._work()

    def _work(self) -> None:
        self.counted["jobs"] += self.market.work()

    @rule(order=st.sampled_from(["created", "reversed", "shuffled"]), copies=st.integers(1, 3), seed=numbers)
    def deliver_webhooks(self, order: str, copies: int, seed: int) -> None:
        self.counted["webhooks"] += self.market.sandbox.deliver_webhooks(order=order, copies=copies, seed=seed)
        self._work()

    @rule()
    def lose_webhooks(self) -> None:
        """The next ones never arrive: what they would have said is looked up later."""
        self.market.sandbox.control.plan_webhooks(drop=3)
        self.market.sandbox.deliver_webhooks()
        self.market.sandbox.control.plan_webhooks()
        self.counted["webhooks lost"] += 3

    @rule(n=st.integers(0, 60))
    @precondition(lambda self: self.market.sandbox.received)
    def an_old_webhook_again(self, n: int) -> None:
        events = self.market.sandbox.box.world.store.all("event")
        if events:
            self.market.sandbox.control.resend_webhook(event_id=_nth(events, n)["id"])
            self.counted["webhooks again"] += 1
            self._work()

    @rule(kind=st.sampled_from(FAULTS), path=st.sampled_from([
        "/v1/transfers$", "/reversals$", "/v1/refunds$", "/v1/checkout/sessions$", "/v1/"]), times=st.integers(1, 3))
    def trouble_at_stripe(self, kind: str, path: str, times: int) -> None:
        self.market.sandbox.control.plan_fault(kind=kind, path=path, method="POST", times=times)
        self.counted["faults"] += times

    @rule(status=st.just("pending"))
    def bank_takes_its_time(self, status: str) -> None:
        self.market.sandbox.control.plan_refund(status=status)

    @rule(n=numbers, status=st.sampled_from(["succeeded", "failed"]))
    @precondition(lambda self: self._pending_refunds())
    def bank_answers(self, n: int, status: str) -> None:
        refund = _nth(self._pending_refunds(), n)
        self.market.sandbox.control.settle_refund(refund["id"], status=status)
        self.counted[f"bank: {status}"] += 1

    def _pending_refunds(self) -> list[Row]:
        return [one for one in self.facts.stripe["refund"] if one["status"] == "pending"]

    # ---- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        self.counted["steps"] += 1
        self._look()

    def _look(self, *, at_the_end: bool = False) -> None:
        self.facts = self.market.looking.facts()
        if self.facts == self.held and not at_the_end:
            return  # Nothing has changed since everything was held against everything.
        self.changes += 1
        faults = find_faults(self.model, self.facts, self.trail, self.market.now())
        if at_the_end or self.changes % AUDITED == 0:
            faults += check_ledger()
        faults += [f"{one.side} {one.call}: {one.fault}" for one in self.market.sandbox.violations]
        assert not faults, "\n".join(faults)
        self.held = self.facts

    def teardown(self) -> None:
        """Whatever was under way comes to its end, and the ledger and Stripe agree to the cent."""
        self.market.sandbox.control.clear_faults()
        self.market.sandbox.box.world.refund_plan.clear()
        for refund in self._pending_refunds():
            self.market.sandbox.control.settle_refund(refund["id"], status="succeeded")
        for hours in (0, 1, 1, 2, 4, 8, 12, 24, 24, 24):
            self.market.pass_time(hours=hours)
            self.market.sandbox.deliver_webhooks()
            self.market.work()
        self._look(at_the_end=True)
        faults, under_way = stripe_did_what_we_say_once(self.facts)
        assert (faults, under_way, self.facts.undone) == ([], 0, [])
        self._check_the_end()

    def _check_the_end(self) -> None:
        counted = self.counted
        for table, column in (("rewards", "state"), ("transfers", "state"), ("transfer_reversals", "state"),
                              ("refunds", "state"), ("fundings", "state")):
            for row in self.facts.tables[table].values():
                counted[f"end: {table} {row[column]}"] += 1
        for bounty in self.model.bounties.values():
            was_refused = any(row["state"] == "failed" and self.model.fundings[row["funding_id"]][0] == bounty.id
                              for row in self.facts.refunds.values())
            if self.facts.bounties[bounty.id]["state"] in {"closed", "archived"} and not was_refused:
                assert self.free(bounty) == 0, f"{bounty.id} is closed and keeps {self.free(bounty)}"


STAGES_AFTER: dict[str, set[str]] = {
    "new": {"introduced", "qualified", "won", "lost", "unqualified"},
    "qualified": {"meeting", "negotiation", "won", "lost", "unqualified"},
    "meeting": {"negotiation", "won", "lost", "unqualified"},
    "lost": {"new"}, "won": set(), "unqualified": set(),
}


def _lead(lead: Lead) -> LeadRow:
    return db.session.get_one(LeadRow, lead.id)


def _email_of(lead: Lead) -> str:
    """A buyer known by a post alone has an address too."""
    return lead.email or f"post{(lead.post or 'x').rsplit('/', 1)[-1]}@mail.example"


def _nth(found: list[Any], n: int) -> Any:
    return found[n % len(found)]
