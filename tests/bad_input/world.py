"""The world of who sees what, with a lead in every state that a form wants, and a body that each form takes."""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import Schema

from marketplace.bounties.models import For, Happening, NonCash, RewardKind
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.payments.models import BusinessDebt, Chargeback, ChargebackState, FraudWarning, Funding, WarningState
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.desk.telling import tell_now
from marketplace.referrals.disputes import witness
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.models import Dispute, Lead, ReasonCode, WitnessSaid
from marketplace.referrals.moderation import ask_for_info, reject_lead
from marketplace.referrals.queries import rewards_of_lead
from marketplace.tracking.report_schemas import ReportedInput
from tests import factories as make
from tests import test_who_sees_what as who
from tests.bad_input.told import what_was_told
from tests.bad_input.waiting import ruled_beside, second_to, what_waits
from tests.kept import Keep

FILLED = {
    "title": "Introduce a car buyer to Westside Auto", "offer": "New and used cars, and people who call you back.",
    "category": "cars", "place": "Denver", "jurisdiction": "US-CO", "criteria": "Wants to buy a car\nLives in Denver",
    "currency": "usd", "reward_kind": "flat", "reward": "1,000",
}
SALE = {"amount": "100", "currency": "usd", "occurred_on": "2026-11-02", "order_number": "O-1"}
REFUND = {"amount": "1", "currency": "usd", "refund_number": "R-1"}

# What each form takes where more is needed than one fair value a field.
GOOD: dict[str, dict[str, Any]] = {
    "POST /admin/gate/new": {"key": "cars-in-ohio", "category": "cars", "jurisdiction": "US-OH", "allows": "cash",
                             "source_url": "https://example.com/law", "binds_buyer": "true"},
    "POST /admin/receivables/<reversal_id>": {"reason": "They closed their shop."},
    "POST /admin/reconciliation/items/<item_id>/closure": {"reason": "Looked into and explained."},
    "POST /admin/transfers/<transfer_id>": {"amount": "5", "reason": "Sent to the wrong one"},
    "POST /api/v1/bounties/<bounty_id>/top-up": {"amount": "50", "monthly": "500", "agrees": True},
    "POST /bounties/<bounty_id>/top-up": {"amount": "50", "monthly": "500", "agrees": "true"},
    "POST /bounties/<bounty_id>/edit": FILLED,
    "POST /businesses/<business_id>/bounties/new": FILLED,
    "POST /bounties/<bounty_id>/funding": {"amount": "500"},
    "POST /businesses/<business_id>/settings": {"website": "https://westside.example.com"},
    "POST /businesses/new": {"website": "https://westside.example.com"},
    "POST /businesses/<business_id>/members": {"email": "<other_email>"},
    "POST /leads/<lead_id>/stage": {"stage": "qualified"},
    "POST /api/v1/leads/<lead_id>/stages": {"stage": "qualified"},
    "POST /leads/<lead_id>/refund": REFUND, "POST /leads/<lead_id>/refund/preview": REFUND,
    "POST /leads/<lead_id>/renewal": SALE, "POST /leads/<lead_id>/renewal/preview": SALE,
    "POST /payouts": {"country": "US"},
    "POST /reset/<token>": {"password": "a long enough sentence of mine"},
    "POST /settings/password": {"current_password": make.PASSWORD, "new_password": "another long sentence of mine"},
    "POST /sign-in": {"email": "<email>", "password": make.PASSWORD},
    "POST /buyer/<token>/yes": {"phone": "+16195550100", "until": "2026-12-20"},
    "POST /buyer/<purpose>/<token>/yes": {"phone": "+16195550100", "until": "2026-12-20"},
    "POST /moderation/several": {"leads": "<in_review>"},
    "POST /leads/<lead_id>/second-share": {"second_id": "<second>"},
    "POST /leads/<lead_id>/ruling/end": {"other_id": "<ruled>"}, "POST /leads/<lead_id>/ruling/now": {"other_id": "<ruled>"},
    "POST /admin/disputes/<dispute_id>/ruling": {"outcome": "resolved_for_respondent"},
    "POST /leads/<lead_id>/disputes/new": {"kind": "ghost_close", "happened_on": "2026-11-02", "amount": "30000", "currency": "usd", "text": "They bought it from them, and told me so themselves."},
    "POST /api/v1/leads/<lead_id>/disputes": {"amount": "30000", "currency": "usd"},
    "POST /your-data/<token>/misuse/<lead_id>": {"text": "They called me at night."},
    "POST /witness/<token>": {"said": "bought"}, "POST /witness/<purpose>/<token>": {"said": "bought"},
    "POST /witness/<purpose>/<token>/correction": {"said": "not_bought"},
    "POST /buyer/<purpose>/<token>/thing": {"kind_id": "<buyers_thing>", "say": "no"},
    "POST /buyer/<purpose>/<token>/share": {"reward_id": "<buyers_share>", "choice": "declined"},
    "POST /api/v1/conversions/batch": {"conversions": [{"external_id": "o-2", "amount": "49.00", "currency": "usd"}]},
    "POST /businesses/<business_id>/partners": {"bounty": "<bounty_id>"},
    "POST /businesses/<business_id>/stripe/secret": {"secret": "whsec_" + "0" * 24},
    "POST /businesses/<business_id>/conversions/new": {"kind": "sale", "amount": "49.00", "currency": "usd"},
    "POST /conversions/<report_id>/reattribution": {"code": "<other_code>"},
    "POST /bounties/<bounty_id>/links": {"utm": "utm_source=fingerpost"},
    "POST /uploads/<upload_id>/check": {
        "column_external_id": "0", "column_day": "1", "column_amount": "2", "days": "ymd", "decimals": "point", "currency": "usd"},
    "POST /links/<link_id>/claims/new": {"order_number": "<order_of_nobody>", "bought_on": "<today>"},
}

# Who sends it where the first who may do so has nothing to say.
SENDERS = dict.fromkeys(("POST /api/v1/conversions", "POST /api/v1/conversions/batch"), "member")
# Where several come at once: by what name, and the shape of each.
SEVERAL: dict[str, tuple[str, Schema]] = {"POST /api/v1/conversions/batch": ("conversions", ReportedInput())}


@dataclass
class FullWorld(who.World):
    """``elsewhere``: for a route, the names that its address wants instead of those of who sees what."""

    elsewhere: dict[str, dict[str, str]] = field(default_factory=dict)

    def leads(self) -> list[str]:
        others = {given["lead_id"] for given in self.elsewhere.values() if "lead_id" in given}
        return [self.open, self.in_review, *sorted(others)]

    def good_for(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        return {name: self.names[value[1:-1]] if str(value).startswith("<") else value
                for name, value in (body | GOOD.get(route, {})).items()}


def kept_world(keep: Keep, settings_env: dict[str, str]) -> FullWorld:
    return keep("every door", lambda: make_full_world(Path(settings_env["MAIL_DIR"])))


def make_full_world(mails: Path) -> FullWorld:
    small = who._make_world(mails)
    world = FullWorld(small.people, small.names, small.secrets, small.in_review, small.open)
    ana, mona = (db.session.get_one(User, small.people[name]) for name in ("referrer", "admin"))
    business = db.session.get_one(Business, small.names["business_id"])
    asked, rejected, won = _leads(business, ana, mona)
    for route, lead in {
        "POST /leads/<lead_id>/answer": asked, "POST /api/v1/leads/<lead_id>/answers": asked,
        "POST /leads/<lead_id>/appeal": rejected, "POST /api/v1/leads/<lead_id>/appeals": rejected,
        "POST /leads/<lead_id>/refund": won, "POST /leads/<lead_id>/refund/preview": won,
        "POST /api/v1/leads/<lead_id>/refunds": won, "POST /leads/<lead_id>/renewal": won,
        "POST /leads/<lead_id>/renewal/preview": won, "POST /api/v1/leads/<lead_id>/renewals": won,
        "POST /leads/<lead_id>/renewals-end": won, "POST /api/v1/leads/<lead_id>/renewals-end": won,
        **dict.fromkeys(("POST /leads/<lead_id>/split", "POST /api/v1/leads/<lead_id>/splits"),
                        make.review_lead(make.make_lead(asked.bounty, by=ana))),
    }.items():
        world.elsewhere[route] = {"lead_id": lead.id}
    elsewhere, names = what_was_told(business, ana)
    world.elsewhere |= what_waits(won.bounty, business, ana) | elsewhere
    world.names |= names
    to_share = db.session.get_one(Lead, world.elsewhere["POST /leads/<lead_id>/split"]["lead_id"])
    world.elsewhere["POST /leads/<lead_id>/second-share"] = {"lead_id": to_share.id}
    world.names |= {"second": second_to(to_share), "ruled": ruled_beside(to_share, mona)}
    for act in ("end", "now"):
        world.elsewhere[f"POST /leads/<lead_id>/ruling/{act}"] = {"lead_id": to_share.id}
    world.names |= {"in_review": small.in_review, "email": ana.email, "other_email": make.make_user("Kim Lee").email}
    _buyers_own(world, won)
    _answered(world, won, ana)
    _bad_days(world)
    return world


def _leads(business: Business, ana: User, mona: User) -> tuple[Lead, Lead, Lead]:
    bounty = make.make_bounty(business, is_live=True, funded_for=9, cause="Denver Food Bank", rules=[
        make.flat(100_000), make.flat(5_000, whom=For.BUYER), make.flat(1_000, happening=Happening.RENEWAL, times=2),
        {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "whom": For.BUYER, "words": "A cake"}])
    asked, rejected = (make.review_lead(make.make_lead(bounty, by=ana)) for _ in range(2))
    won = make.consent(make.accept(make.make_lead(bounty, by=ana)), email="buyer@example.com")
    make.win(won)
    with transaction():
        ask_for_info(db.session.get_one(Lead, asked.id), by=mona, question="Where does he live?")
        tell_now(db.session.get_one(Lead, asked.id), by=mona)
    with transaction():
        reject_lead(db.session.get_one(Lead, rejected.id), by=mona, reason_code=ReasonCode.SPAM)
        tell_now(db.session.get_one(Lead, rejected.id), by=mona)
    return asked, rejected, won


def _buyers_own(world: FullWorld, won: Lead) -> None:
    """The link that was mailed to the buyer of this sale shows that it is theirs."""
    token = buyer_link(won, MAILED).rsplit("/", 1)[1]
    for act in ("share", "thing"):
        world.elsewhere[f"POST /buyer/<purpose>/<token>/{act}"] = {"purpose": MAILED, "token": token}
    world.elsewhere["GET /buyer/<purpose>/<token>"] = {"purpose": MAILED, "token": token}
    world.names |= {
        "buyers_share": next(one.id for one in rewards_of_lead(won) if one.whom is For.BUYER),
        "buyers_thing": things_of_lead(won)[0].id}


def _answered(world: FullWorld, won: Lead, ana: User) -> None:
    """A dispute whose witness has answered, and may correct it."""
    dispute = who._disputed(won, ana)
    token = witness.witness_link(dispute, is_mailed=True).rsplit("/", 1)[1]
    with transaction():
        witness.answer_as_witness(
            db.session.get_one(Dispute, dispute.id), WitnessSaid.BOUGHT, purpose=witness.MAILED, token=token)
    world.elsewhere["POST /witness/<purpose>/<token>/correction"] = {"purpose": witness.MAILED, "token": token}


def _bad_days(world: FullWorld) -> None:
    """A chargeback, a warning and a debt about which an admin may still decide."""
    funding = db.session.get_one(Funding, world.names["funding_id"])
    with transaction():
        about = {"funding_id": funding.id, "business_id": funding.business_id, "purpose_id": funding.purpose_id}
        is_open = Chargeback(**about, stripe_id="du_2", amount=Money(100, "usd"), state=ChargebackState.OPEN,
                             stripe_status="needs_response", reason="general", opened_at=clock.now())
        warning = FraudWarning(**about, stripe_id="issfr_2", fraud_type="misc", state=WarningState.OPEN)
        db.session.add_all([is_open, warning, BusinessDebt(
            id="refund_2", business_id=funding.business_id, purpose_id=funding.purpose_id, owed=Money(100, "usd"))])
        db.session.flush()
        for act in ("evidence", "acceptance"):
            world.elsewhere[f"POST /admin/chargebacks/<chargeback_id>/{act}"] = {"chargeback_id": is_open.id}
        world.elsewhere["GET /admin/chargebacks/<chargeback_id>"] = {"chargeback_id": is_open.id}
        world.elsewhere["POST /admin/debts/<source_id>/write-off"] = {"source_id": "refund_2"}
        world.elsewhere["POST /admin/fraud-warnings/<warning_id>/closure"] = {"warning_id": warning.id}
