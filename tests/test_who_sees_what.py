"""Every route times every kind of person answers as this table says. A new route without its line fails.

Answers: ``yes`` (done, or a refusal that only somebody allowed can get: 409, 410, 422), ``in`` (sent to sign in),
``401``, ``403``, ``404``. The order is that of PEOPLE.
"""
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from marketplace.bounties.models import Bounty, For, GateRule, NonCash, RewardKind
from marketplace.foundation import clock, mail, outbox
from marketplace.foundation.crypto import sign
from marketplace.foundation.db import db, transaction
from marketplace.foundation.given_files import GivenFile
from marketplace.foundation.limits import limiter
from marketplace.foundation.money import Money
from marketplace.hooks.endpoints import add_endpoint
from marketplace.hooks.trying import send_test
from marketplace.identity.api_keys import SCOPES, create_key
from marketplace.identity.confirmation import confirmation_link
from marketplace.identity.models import ApiKey, Business, Membership, User
from marketplace.identity.passwords import reset_link
from marketplace.payments import ledger
from marketplace.payments.models import (
    AccountKind,
    BusinessDebt,
    Chargeback,
    ChargebackState,
    FraudWarning,
    Funding,
    LedgerAccount,
    LedgerEntry,
    MoneyOrder,
    OpenItem,
    OpenItemKind,
    OrderKind,
    Payable,
    PayableState,
    ReversalState,
    StripeMovement,
    Transfer,
    TransferBatch,
    TransferReversal,
    TransferState,
    WarningState,
)
from marketplace.payments.money_in.funding import request_funding
from marketplace.referrals.data_link import data_link
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.evidence_files import files_of, keep_files
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.models import (
    Buyer,
    CaseState,
    ConversionSource,
    Dispute,
    DisputeKind,
    FraudCase,
    FraudScore,
    Lead,
    Point,
    Verdict,
)
from marketplace.referrals.queries import find_live_grant, rewards_of_lead
from marketplace.referrals.sharing import propose_split
from marketplace.tracking.business_stripe.doors import open_door
from marketplace.tracking.domains import add_domain
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.links import link_of
from marketplace.tracking.models import InvitationState, PartnerInvitation, ReportKind, UploadPurpose
from marketplace.tracking.reported import Reported
from marketplace.tracking.uploads.receiving import keep_upload, receive
from tests import canary
from tests import factories as make
from tests.browsing import Browser
from tests.kept import Keep

PEOPLE = ("anonymous", "referrer", "other referrer", "member", "other member", "admin")

EVERYONE = "yes yes yes yes yes yes"
SIGNED_IN = "in yes yes yes yes yes"
REFERRER = "in yes 404 403 404 403"  # Of this lead; the business and the admins see it, but may not act for them.
BEFORE_ACCEPTANCE = "in yes 404 404 404 403"  # The same while the business does not see it yet.
MODERATOR = "in 403 404 404 404 yes"
ONES_OWN = "in yes 404 404 404 yes"  # And the admins'.
WORKS_THERE = "in 403 404 yes 404 403"
OWNS_THERE = "in 403 403 yes 403 403"
ADMIN = "in 403 403 403 403 yes"
API = "401 yes yes yes yes yes"
HOOK = "401 404 404 yes 404 404"  # Those who lead the business.


def api(pages: str) -> str:
    """The same as on the pages, but that a program is told 401 instead of being sent to sign in."""
    return pages.replace("in", "401")


TABLE: dict[str, str | tuple[str, dict[str, Any]]] = {
    "GET /": EVERYONE,
    "GET /health": EVERYONE,
    "GET /how-it-works": EVERYONE,
    "GET /fairness": EVERYONE,
    "GET /static/<path:filename>": EVERYONE,
    "GET /dashboard": SIGNED_IN,
    "GET /dashboard/referrer": SIGNED_IN,
    "GET /dashboard/business/<business_id>": "in 403 403 yes 403 yes",
    "GET /dashboard/admin": ADMIN,

    # identity
    "GET /sign-up": EVERYONE,
    "POST /sign-up": (EVERYONE, {"name": "New", "email": "new@example.com", "password": "a long enough sentence"}),
    "GET /sign-in": EVERYONE,
    "POST /sign-in": (EVERYONE, {"email": "nobody@example.com", "password": "wrong wrong wrong"}),
    "GET /sign-out": SIGNED_IN,  # To the page that has the button.
    "POST /sign-out": "in in in in in in",  # Where it leads everybody.
    "GET /confirm/<token>": EVERYONE,
    "POST /confirm/<token>": "in yes yes yes yes yes",
    "GET /confirmation": SIGNED_IN,
    "POST /confirmation": SIGNED_IN,
    "GET /forgot": EVERYONE,
    "POST /forgot": (EVERYONE, {"email": "nobody@example.com"}),
    "GET /reset/<token>": EVERYONE,
    "POST /reset/<token>": (EVERYONE, {"password": "short"}),
    "GET /settings": SIGNED_IN,
    "POST /settings": (SIGNED_IN, {"name": "Another Name"}),
    "GET /settings/password": SIGNED_IN,
    "POST /settings/password": (SIGNED_IN, {"current_password": "x", "new_password": "y"}),
    "GET /settings/keys": SIGNED_IN,
    "POST /settings/keys": (SIGNED_IN, {"name": "My key", "scopes": "leads:read"}),
    "POST /settings/keys/<key_id>/revocation": "in yes 404 404 404 404",
    "GET /settings/data": SIGNED_IN,
    "POST /settings/data/export": SIGNED_IN,
    "GET /settings/closing": SIGNED_IN,
    "POST /settings/closing": (SIGNED_IN, {"current_password": "not it"}),
    "GET /businesses/new": SIGNED_IN,
    "POST /businesses/new": (SIGNED_IN, {"name": "Another One"}),
    "GET /businesses/<business_id>/settings": OWNS_THERE,
    "POST /businesses/<business_id>/settings": (OWNS_THERE, {"name": "Westside Autos"}),
    "GET /businesses/<business_id>/members": "in 403 403 yes 403 yes",
    "POST /businesses/<business_id>/members": (OWNS_THERE, {"email": "nobody@example.com", "role": "agent"}),
    "POST /businesses/<business_id>/members/<membership_id>/role": (OWNS_THERE, {"role": "manager"}),
    "POST /businesses/<business_id>/members/<membership_id>/removal": OWNS_THERE,

    # bounties
    "GET /bounties": EVERYONE,
    "GET /bounties/<bounty_id>": EVERYONE,
    "GET /bounties/<bounty_id>/terms/<int(max=9999):number>": EVERYONE,
    "GET /businesses/<slug>": EVERYONE,
    "GET /businesses/<business_id>/bounties/new": OWNS_THERE,
    "POST /businesses/<business_id>/bounties/new": (OWNS_THERE, {"title": "x"}),
    "GET /bounties/<bounty_id>/edit": OWNS_THERE,
    "POST /bounties/<bounty_id>/edit": (OWNS_THERE, {"title": "x"}),
    "POST /bounties/<bounty_id>/publication": OWNS_THERE,
    "POST /bounties/<bounty_id>/lowering": OWNS_THERE,
    "POST /bounties/<bounty_id>/pause": OWNS_THERE,
    "POST /bounties/<bounty_id>/closure": OWNS_THERE,

    # money
    "GET /bounties/<bounty_id>/funding": OWNS_THERE,
    "POST /bounties/<bounty_id>/funding": (OWNS_THERE, {"amount": "0"}),
    "GET /businesses/<business_id>/fundings": "in 403 403 yes 403 yes",
    "GET /fundings/<funding_id>": "in 404 404 yes 404 yes",
    "POST /fundings/<funding_id>/checks": "in 404 404 yes 404 yes",
    "GET /bounties/<bounty_id>/top-up": OWNS_THERE,
    "POST /bounties/<bounty_id>/top-up": (OWNS_THERE, {"amount": "1"}),
    "POST /bounties/<bounty_id>/top-up/end": OWNS_THERE,
    "GET /bounties/<bounty_id>/refund": OWNS_THERE,
    "POST /bounties/<bounty_id>/refund": (OWNS_THERE, {"expected": "1"}),
    "POST /businesses/<business_id>/fundings/card-removal": OWNS_THERE,
    "GET /businesses/<business_id>/statements": "in 403 403 yes 403 yes",
    "GET /businesses/<business_id>/statements/<currency>/<month>": "in 403 403 yes 403 yes",
    "GET /businesses/<business_id>/statements/<currency>/<month>/csv": "in 403 403 yes 403 yes",
    "GET /businesses/<business_id>/statements/<currency>/<month>/pdf": "in 403 403 yes 403 yes",
    "GET /payouts": SIGNED_IN,
    "POST /payouts": (SIGNED_IN, {"country": "ZZ"}),
    "POST /payouts/checks": SIGNED_IN,
    "POST /payouts/dashboard": SIGNED_IN,
    "POST /payouts/objection": SIGNED_IN,
    "POST /payouts/onboarding": SIGNED_IN,
    "GET /payouts/return": SIGNED_IN,
    "GET /people/<user_id>/statements": ONES_OWN,
    "GET /people/<user_id>/statements.csv": ONES_OWN,
    "GET /people/<user_id>/statements.pdf": ONES_OWN,
    "POST /webhooks/stripe": "400 400 400 400 400 400",

    # leads
    "GET /bounties/<bounty_id>/point": "in yes yes 403 yes yes",
    "POST /bounties/<bounty_id>/point": ("in yes yes 403 yes yes", {
        "text": "I am looking for a car for the whole family.", "quote": "I am looking for a car",
        "acquaintance": "friend", "how_known": "An old friend"}),
    "POST /bounties/<bounty_id>/point/draft": ("in yes yes 403 yes yes", {"quote": "I am looking for a car"}),
    "GET /match": EVERYONE,
    "POST /match": (EVERYONE, {"post": "I am looking for a car in Denver."}),
    "GET /leads": SIGNED_IN,
    "GET /leads/<lead_id>": "in yes 404 yes 404 yes",
    "GET /leads/<lead_id>/consent.json": "in 404 404 yes 404 yes",
    "GET /leads/<lead_id>/files/<file_id>": "in yes 404 404 404 yes",  # To the business not after the yes either.
    "GET /leads/<lead_id>/files/<file_id>/picture": "in yes 404 404 404 yes",
    "POST /leads/<lead_id>/withdrawal": BEFORE_ACCEPTANCE,
    "POST /leads/<lead_id>/answer": (BEFORE_ACCEPTANCE, {"answer": "Here it is"}),
    "POST /leads/<lead_id>/explanation": (REFERRER, {"why": "We share a computer"}),
    "POST /leads/<lead_id>/appeal": (BEFORE_ACCEPTANCE, {"why": "I was first, and he says so"}),
    "GET /businesses/<business_id>/leads": "in 403 403 yes 403 yes",
    "POST /leads/<lead_id>/contact": WORKS_THERE,
    "POST /leads/<lead_id>/stage": (WORKS_THERE, {"stage": "meeting"}),
    "POST /leads/<lead_id>/sale": (WORKS_THERE, {"amount": "1", "currency": "usd", "occurred_on": "2026-11-02"}),
    "GET /leads/<lead_id>/sale/preview": "in yes 404 yes 404 yes",
    "GET /leads/<lead_id>/refund/preview": "in yes 404 yes 404 yes",
    "GET /leads/<lead_id>/renewal/preview": "in yes 404 yes 404 yes",
    "POST /leads/<lead_id>/sale/preview": (WORKS_THERE, {"amount": "1", "currency": "usd",
                                                          "occurred_on": "2026-11-02"}),
    "POST /leads/<lead_id>/refund": (WORKS_THERE, {"amount": "1", "currency": "usd", "refund_number": "R-1"}),
    "POST /leads/<lead_id>/refund/preview": (WORKS_THERE, {"amount": "1", "currency": "usd", "refund_number": "R-1"}),
    "GET /moderation": ADMIN,
    "POST /leads/<lead_id>/acceptance": MODERATOR,
    "POST /leads/<lead_id>/claim": MODERATOR,
    "POST /leads/<lead_id>/claim/end": ADMIN,
    "POST /leads/<lead_id>/escalation": (MODERATOR, {"note": "I am not sure."}),
    "POST /leads/<lead_id>/escalation/end": MODERATOR,
    "POST /leads/<lead_id>/undoing": "in 403 404 404 404 403",  # Whoever decided.
    "POST /leads/<lead_id>/telling": "in 403 404 404 404 403",
    "POST /moderation/next": ADMIN,
    "POST /moderation/several": (ADMIN, {"decision": "accept"}),
    "GET /moderation/several": ADMIN,
    "GET /moderation/figures": ADMIN,
    "POST /leads/<lead_id>/rejection": (MODERATOR, {"reason_code": "spam"}),
    "POST /leads/<lead_id>/question": (MODERATOR, {"question": "Where does he live?"}),
    "POST /leads/<lead_id>/ruling": (MODERATOR, {"other_id": "<other_lead_id>", "is_same": "false"}),
    "POST /leads/<lead_id>/ruling/end": (MODERATOR, {"other_id": "<other_lead_id>"}),
    "POST /leads/<lead_id>/ruling/now": (MODERATOR, {"other_id": "<other_lead_id>"}),
    "GET /businesses/<business_id>/known-contacts": OWNS_THERE,
    "POST /businesses/<business_id>/known-contacts": (OWNS_THERE, {"step": "check"}),
    "POST /businesses/<business_id>/known-contacts/removal": OWNS_THERE,

    # conversions that came in
    "GET /businesses/<business_id>/conversions": "in 403 403 yes 403 yes",
    "GET /businesses/<business_id>/conversions/new": "in 403 403 yes 403 403",
    "POST /businesses/<business_id>/conversions/new": ("in 403 403 yes 403 403", {
        "kind": "lead", "external_id": "L-2", "occurred_on": "2026-11-02"}),
    "GET /conversions/<report_id>": "in yes 404 yes 404 yes",
    "POST /conversions/<report_id>/confirmation": "in 403 404 yes 404 403",
    "POST /conversions/<report_id>/denial": ("in 403 404 yes 404 403", {"reason": "They never came."}),
    "POST /conversions/<report_id>/reattribution": ("in 403 404 403 404 yes", {
        "code": "NOBODY-HERE", "reason": "It was somebody else."}),
    "GET /bought/<purpose>/<token>": EVERYONE,
    "POST /bought/<purpose>/<token>": (EVERYONE, {"amount": "1", "currency": "usd", "bought_on": "2026-11-02"}),
    "GET /api/v1/conversions": API,
    "POST /api/v1/conversions": (API, {"external_id": "o-1", "amount": "1", "currency": "usd"}),
    "POST /api/v1/conversions/batch": (API, {"conversions": [{"external_id": "o-2"}]}),
    "GET /api/v1/conversions/<report_id>": "401 yes 404 yes 404 yes",

    # connecting a site
    "GET /businesses/<business_id>/integration": OWNS_THERE,
    "GET /fingerpost-1.js": EVERYONE,

    # a business's own Stripe
    "GET /businesses/<business_id>/stripe": OWNS_THERE,
    "POST /businesses/<business_id>/stripe": OWNS_THERE,
    "POST /businesses/<business_id>/stripe/secret": (OWNS_THERE, {"secret": "no secret"}),
    "POST /businesses/<business_id>/stripe/closure": OWNS_THERE,
    "POST /hooks/stripe/<door_id>": "400 400 400 400 400 400",

    # files, what is brought from elsewhere, and what is taken along
    "GET /businesses/<business_id>/uploads": OWNS_THERE,
    "POST /businesses/<business_id>/uploads": (OWNS_THERE, {"purpose": "conversions"}),
    "GET /uploads/<upload_id>": "in 404 404 yes 404 404",
    "GET /uploads/<upload_id>/rows.csv": "in 404 404 yes 404 404",
    "POST /uploads/<upload_id>/spelling": ("in 404 404 yes 404 404", {"encoding": "utf-8", "separator": "comma"}),
    "POST /uploads/<upload_id>/check": ("in 404 404 yes 404 404", {"column_day": "0"}),
    "POST /uploads/<upload_id>/columns": "in 404 404 yes 404 404",
    "POST /uploads/<upload_id>/taking": ("in 404 404 yes 404 404", {"outcomes": "kept"}),
    "POST /uploads/<upload_id>/removal": "in 404 404 yes 404 404",
    "GET /businesses/<business_id>/partners": OWNS_THERE,
    "POST /businesses/<business_id>/partners": (OWNS_THERE, {"bounty": "no_such"}),
    "GET /invitations/<invitation_id>": "in 404 404 yes 404 404",
    "POST /invitations/<invitation_id>/removal": "in 404 404 yes 404 404",
    "GET /invitation/<token>": EVERYONE,  # Who has the mail.
    "POST /invitation/<token>/acceptance": "in yes yes 403 yes yes",
    "POST /invitation/<token>/refusal": EVERYONE,
    "GET /businesses/<business_id>/takeaway": OWNS_THERE,
    "POST /businesses/<business_id>/takeaway": OWNS_THERE,

    # webhooks out
    "GET /businesses/<business_id>/webhooks": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks": (OWNS_THERE, {"url": "https://hooks.example/other"}),
    "GET /businesses/<business_id>/webhooks/<endpoint_id>": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/kinds": (OWNS_THERE, {"kinds": "lead"}),
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/secret": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/test": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/off": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/on": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/removal": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/replays": OWNS_THERE,
    "POST /businesses/<business_id>/webhooks/<endpoint_id>/deliveries/<delivery_id>/replay": OWNS_THERE,
    "GET /rewards/<reward_id>": "in yes 404 yes 404 yes",
    "POST /rewards/<reward_id>/hold": (ADMIN, {"reason": "To be looked into"}),
    "POST /rewards/<reward_id>/release-hold": ADMIN,

    # disputes: of a sale that a member's business recorded too low, says the referrer
    "GET /disputes": SIGNED_IN,
    "GET /businesses/<business_id>/disputes": "in 403 403 yes 403 yes",
    "GET /leads/<lead_id>/disputes/new": REFERRER.replace("403 404", "yes 404"),
    "POST /leads/<lead_id>/disputes/new": (REFERRER.replace("403 404", "yes 404"), {"kind": "bad_lead", "text": "x"}),
    "GET /disputes/<dispute_id>": "in yes 404 yes 404 yes",
    "POST /disputes/<dispute_id>/acceptance": "in 403 404 yes 404 403",
    "POST /disputes/<dispute_id>/objection": ("in 403 404 yes 404 403", {"text": "It was recorded as it was."}),
    "POST /disputes/<dispute_id>/escalation": "in yes 404 403 404 403",
    "POST /disputes/<dispute_id>/withdrawal": "in yes 404 403 404 403",
    "POST /disputes/<dispute_id>/statements": ("in yes 404 yes 404 403", {"text": "And one thing more."}),
    "GET /admin/disputes": ADMIN,
    "GET /admin/disputes/<dispute_id>": ADMIN,
    "POST /admin/disputes/<dispute_id>/ruling": (ADMIN, {"outcome": "split", "reason": "Both are right."}),
    "POST /admin/disputes/<dispute_id>/taking-up": ADMIN,
    "POST /admin/disputes/<dispute_id>/witness": ADMIN,
    "GET /witness/<token>": EVERYONE,
    "POST /witness/<token>": (EVERYONE, {"said": "maybe"}),
    "GET /witness/<purpose>/<token>": EVERYONE,
    "POST /witness/<purpose>/<token>": (EVERYONE, {"said": "maybe"}),
    "POST /witness/<purpose>/<token>/correction": (EVERYONE, {"said": "maybe"}),

    # what a lead earns
    "POST /leads/<lead_id>/renewal": (WORKS_THERE, {"amount": "1", "currency": "usd", "occurred_on": "2026-11-02",
                                                     "order_number": "O-1"}),
    "POST /leads/<lead_id>/renewal/preview": (WORKS_THERE, {"amount": "1", "currency": "usd",
                                                             "occurred_on": "2026-11-02", "order_number": "O-1"}),
    "POST /leads/<lead_id>/renewals-end": WORKS_THERE,
    "POST /leads/<lead_id>/split": ("in yes 404 403 404 403", {
        "own_percent": "50", "email_1": "tom@example.com", "percent_1": "50"}),
    "POST /leads/<lead_id>/second-share": ("in yes 404 403 404 403", {"second_id": "x", "own_percent": "50"}),
    "GET /rewards": SIGNED_IN,
    "GET /splits/<split_id>": "in yes yes 404 404 404",
    "POST /splits/<split_id>/answer": ("in 404 yes 404 404 404", {"agrees": "true"}),
    "POST /splits/<split_id>/withdrawal": "in yes 403 404 404 404",
    "GET /shares/<share_id>": "in 404 404 404 yes 404",  # The other business's owner bought here.
    "POST /shares/<share_id>": "in 404 404 404 yes 404",
    "GET /rewards-in-kind/<kind_id>": "in yes 404 yes 404 yes",
    "POST /rewards-in-kind/<kind_id>/offer": ("in 403 404 yes 404 403", {"offer": "Come by"}),
    "POST /rewards-in-kind/<kind_id>/fulfilment": ("in 403 404 yes 404 403", {"receipt": "Handed over"}),
    "POST /rewards-in-kind/<kind_id>/thanks": "in yes 404 403 404 403",
    "POST /rewards-in-kind/<kind_id>/refusal": "in yes 404 403 404 403",
    "POST /rewards-in-kind/<kind_id>/forgiveness": "in yes 404 403 404 403",

    # the buyer: whoever holds the link
    "GET /buyer/<token>": EVERYONE,
    "POST /buyer/<token>/yes": (EVERYONE, {"name": "D"}),
    "POST /buyer/<token>/no": EVERYONE,
    "POST /buyer/<token>/never": EVERYONE,
    "POST /buyer/<token>/over": (EVERYONE, {"because": "already_bought"}),
    "POST /buyer/<token>/later": (EVERYONE, {"weeks": "2"}),
    "POST /buyer/<token>/not-me": EVERYONE,
    "POST /buyer/<token>/withdrawal": EVERYONE,
    "POST /buyer/<token>/share": ("403 403 403 403 403 403", {"reward_id": "x", "choice": "declined"}),
    "GET /buyer/<token>/receipt.json": "403 403 403 403 403 403",
    "GET /buyer/<token>/files/<file_id>": "404 404 404 404 404 404",  # It is another lead's.
    "GET /buyer/<purpose>/<token>/files/<file_id>": "404 404 404 404 404 404",
    "GET /buyer/<token>/terms": EVERYONE,
    "GET /buyer/<purpose>/<token>/terms": EVERYONE,
    "POST /buyer/<token>/thing": ("403 403 403 403 403 403", {"kind_id": "x", "say": "no"}),
    "GET /buyer/<purpose>/<token>": EVERYONE,
    "POST /buyer/<purpose>/<token>/yes": (EVERYONE, {"name": "D"}),
    "POST /buyer/<purpose>/<token>/no": EVERYONE,
    "POST /buyer/<purpose>/<token>/never": EVERYONE,
    "POST /buyer/<purpose>/<token>/over": (EVERYONE, {"because": "already_bought"}),
    "POST /buyer/<purpose>/<token>/later": (EVERYONE, {"weeks": "2"}),
    "POST /buyer/<purpose>/<token>/not-me": EVERYONE,
    "POST /buyer/<purpose>/<token>/withdrawal": EVERYONE,
    "POST /buyer/<purpose>/<token>/share": ("403 403 403 403 403 403", {"reward_id": "x", "choice": "declined"}),
    "GET /buyer/<purpose>/<token>/receipt.json": "403 403 403 403 403 403",
    "POST /buyer/<purpose>/<token>/thing": ("403 403 403 403 403 403", {"kind_id": "x", "say": "no"}),
    "POST /buyer/new-link/<purpose>/<token>": EVERYONE,
    "GET /buyer/new-link/<purpose>/<token>": EVERYONE,
    "GET /buyer/confirm/<token>": EVERYONE,
    "POST /buyer/confirm/<token>": EVERYONE,

    # a buyer's own data: whoever reads the mail of the address
    "GET /your-data": EVERYONE,
    "POST /your-data": (EVERYONE, {"email": "nobody@example.com"}),
    "GET /your-data/<token>": EVERYONE,
    "GET /your-data/<token>/files/<lead_id>/<file_id>": EVERYONE,
    "GET /your-data/<token>/export.json": EVERYONE,
    "GET /your-data/<token>/export.csv": EVERYONE,
    "POST /your-data/<token>/withdrawal": ("404 404 404 404 404 404", {"lead_id": "x"}),
    "GET /your-data/<token>/misuse/<lead_id>": EVERYONE,
    "POST /your-data/<token>/misuse/<lead_id>": (EVERYONE, {"text": "x"}),
    "GET /your-data/<token>/erasure": EVERYONE,
    "POST /your-data/<token>/erasure": EVERYONE,

    # links and clicks
    "GET /links": SIGNED_IN,
    "GET /bounties/<bounty_id>/link": SIGNED_IN,
    "POST /bounties/<bounty_id>/link": "in yes yes 403 yes yes",
    "GET /links/<link_id>/card": "in yes 404 404 404 404",
    "GET /links/<link_id>/code.<any(svg, png):kind>": "in yes 404 404 404 404",
    "GET /links/<link_id>/claims/new": "in yes 404 404 404 404",
    "POST /links/<link_id>/claims/new": ("in yes 404 404 404 404", {
        "order_number": "none", "bought_on": "2026-11-02", "text": "I told them at the fair."}),
    "POST /links/<link_id>/end": "in yes 404 404 404 404",
    "GET /r/<said>": EVERYONE,
    "GET /r/<code>/on": EVERYONE,
    "GET /bounties/<bounty_id>/links": "in 403 403 yes 403 yes",
    "POST /bounties/<bounty_id>/links": (OWNS_THERE, {"url": "https://westside.example"}),
    "GET /businesses/<business_id>/domains": OWNS_THERE,
    "POST /businesses/<business_id>/domains": (OWNS_THERE, {"domain": "westside.example"}),
    "GET /domains/<domain_id>": "in 404 404 yes 404 yes",
    "POST /domains/<domain_id>/check": "in 404 404 yes 404 403",
    "POST /domains/<domain_id>/removal": "in 404 404 yes 404 403",

    # operators
    "GET /admin/jobs": ADMIN,
    "POST /admin/jobs/<job_id>/revival": ADMIN,
    "GET /admin/audit": ADMIN,
    "GET /admin/ledger": ADMIN,
    "GET /admin/chargebacks": ADMIN,
    "GET /admin/chargebacks/<chargeback_id>": ADMIN,
    "POST /admin/chargebacks/<chargeback_id>/evidence": (ADMIN, {"text": "They agreed to the terms."}),
    "POST /admin/chargebacks/<chargeback_id>/acceptance": ADMIN,
    "POST /admin/chargebacks/<chargeback_id>/rewards/<reward_id>/voiding": (ADMIN, {"reason": "They are gone."}),
    "GET /admin/debts": ADMIN,
    "GET /admin/fraud-warnings": ADMIN,
    "GET /admin/unmatched": ADMIN,
    "POST /admin/debts/<source_id>/write-off": (ADMIN, {"reason": "They are gone."}),
    "POST /admin/fraud-warnings/<warning_id>/closure": (ADMIN, {"reason": "The card is theirs."}),
    "POST /admin/unmatched/<funding_id>/refund": ADMIN,
    "POST /admin/unmatched/<funding_id>/assignment": ADMIN,
    "GET /admin/ledger/accounts": ADMIN,
    "GET /admin/ledger/accounts/<account_id>": ADMIN,
    "GET /admin/ledger/entries/<entry_id>": ADMIN,
    "GET /admin/ledger/movements/<movement_id>": ADMIN,
    "GET /admin/ledger/rewards/<reward_id>": ADMIN,
    "GET /admin/ledger/search": ADMIN,
    "GET /admin/reconciliation": ADMIN,
    "POST /admin/reconciliation": ADMIN,
    "GET /admin/reconciliation/items/<item_id>": ADMIN,
    "POST /admin/reconciliation/items/<item_id>/closure": ADMIN,
    "POST /admin/reconciliation/items/<item_id>/booking": ADMIN,
    "POST /admin/reconciliation/items/<item_id>/adoption": ADMIN,
    "GET /admin/funds": ADMIN,
    "GET /admin/privacy": ADMIN,
    "GET /admin/gate": ADMIN,
    "GET /admin/gate/new": ADMIN,
    "POST /admin/gate/new": (ADMIN, {"key": "x"}),
    "POST /admin/gate/<rule_id>/review": ADMIN,
    "GET /admin/fraud": ADMIN,
    "GET /admin/fraud/<case_id>": ADMIN,
    "POST /admin/fraud/<case_id>/keep": (ADMIN, {"reason": "Waiting for an answer"}),
    "POST /admin/fraud/<case_id>/release": (ADMIN, {"reason": "One family, one computer"}),
    "POST /admin/fraud/<case_id>/confirmation": (ADMIN, {"reason": "The same person twice"}),
    "GET /admin/transfers": ADMIN,
    "POST /admin/transfers/batches": ADMIN,
    "GET /admin/transfers/batches/<batch_id>": ADMIN,
    "POST /admin/transfers/batches/<batch_id>/approval": ADMIN,
    "POST /admin/transfers/batches/<batch_id>/dropping": ADMIN,
    "GET /admin/transfers/<transfer_id>": ADMIN,
    "POST /admin/transfers/<transfer_id>": (ADMIN, {"amount": "0", "reason": "A test of it"}),
    "GET /admin/receivables": ADMIN,
    "GET /admin/receivables/<reversal_id>": ADMIN,
    "POST /admin/receivables/<reversal_id>": (ADMIN, {"reason": "x"}),
    "GET /admin/orders": ADMIN,
    "POST /admin/orders/<order_id>/grant": ADMIN,
    "POST /admin/orders/<order_id>/refusal": ADMIN,

    # development only
    "GET /dev/blog/": EVERYONE,
    "GET /dev/blog/<slug>": EVERYONE,
    "GET /dev/clock": EVERYONE,
    "POST /dev/clock": (EVERYONE, {"days": "1"}),
    "GET /dev/mail": EVERYONE,
    "GET /dev/mail/<name>": EVERYONE,

    # the API and its pages
    "GET /api/docs/": EVERYONE,
    "GET /api/docs/errors": EVERYONE,
    "GET /api/docs/ui/<path:filename>": EVERYONE,
    "GET /api/v1/openapi.json": EVERYONE,
    "GET /api/v1/businesses": API,
    "GET /api/v1/businesses/<business_id>": API,
    "GET /api/v1/businesses/<business_id>/bounties": API,
    "GET /api/v1/keys": API,
    "GET /api/v1/keys/<key_id>": "401 yes 404 404 404 404",
    "POST /api/v1/keys": (API, {"name": "Another", "scopes": ["leads:read"]}),
    "POST /api/v1/keys/<key_id>/revocation": "401 yes 404 404 404 404",
    "GET /api/v1/bounties": API,
    "GET /api/v1/bounties/<bounty_id>": API,
    "GET /api/v1/bounties/<bounty_id>/reward-preview": (API, {"sale": "100"}),
    "POST /api/v1/businesses/<business_id>/bounties": (api(OWNS_THERE), {
        "title": "Somebody buying a car", "offer": "We sell cars in Denver.", "category": "cars", "jurisdiction": "US-CO",
        "criteria": ["Wants a car"], "currency": "usd", "reward_kind": "flat", "reward": "100"}),
    "POST /api/v1/bounties/<bounty_id>/terms": (api(OWNS_THERE), {
        "title": "Somebody buying a car", "offer": "We sell cars in Denver.", "category": "cars", "jurisdiction": "US-CO",
        "criteria": ["Wants a car"], "currency": "usd", "reward_kind": "flat", "reward": "100"}),
    "POST /api/v1/bounties/<bounty_id>/publication": api(OWNS_THERE),
    "POST /api/v1/bounties/<bounty_id>/pause": api(OWNS_THERE),
    "POST /api/v1/bounties/<bounty_id>/closure": api(OWNS_THERE),
    "POST /api/v1/bounties/<bounty_id>/lowering": api(OWNS_THERE),
    "GET /api/v1/bounties/<bounty_id>/funds": api(OWNS_THERE),
    "POST /api/v1/bounties/<bounty_id>/fundings": (api(OWNS_THERE), {"amount": "100"}),
    "POST /api/v1/bounties/<bounty_id>/refunds": (api(OWNS_THERE), {"amount": "1"}),
    "POST /api/v1/matches": (API, {"post": "I am looking for a car in Denver."}),
    "GET /api/v1/bounties/<bounty_id>/top-up": api(OWNS_THERE),
    "POST /api/v1/bounties/<bounty_id>/top-up": (api(OWNS_THERE), {"amount": "1", "monthly": "1", "agrees": True}),
    "POST /api/v1/bounties/<bounty_id>/top-up-end": api(OWNS_THERE),
    "GET /api/v1/businesses/<business_id>/fundings": "401 403 403 yes 403 yes",
    "GET /api/v1/fundings/<funding_id>": "401 404 404 yes 404 yes",
    "GET /api/v1/businesses/<business_id>/statements": "401 403 403 yes 403 yes",
    "GET /api/v1/businesses/<business_id>/statements/<currency>/<month>": "401 403 403 yes 403 yes",
    "GET /api/v1/businesses/<business_id>/statements/<currency>/<month>/csv": "401 403 403 yes 403 yes",
    "GET /api/v1/earnings/<year>": API,
    "GET /api/v1/earnings/<year>/csv": API,
    "GET /api/v1/transfers": API,
    "GET /api/v1/transfers/<transfer_id>": "401 yes 404 404 404 yes",
    "GET /api/v1/payables": API,
    "GET /api/v1/leads": API,
    "POST /api/v1/leads": ("401 yes yes 403 yes yes", {
        "bounty_id": "<bounty_id>", "text": "I am looking for a car for the whole family.",
        "quote": "I am looking for a car", "acquaintance": "friend", "how_known": "An old friend"}),
    "GET /api/v1/leads/<lead_id>": "401 yes 404 yes 404 yes",
    "GET /api/v1/leads/<lead_id>/story": "401 yes 404 yes 404 yes",
    "POST /api/v1/leads/<lead_id>/claim": api(MODERATOR),
    "POST /api/v1/leads/<lead_id>/escalation": (api(MODERATOR), {"note": "Is this the same person?"}),
    "POST /api/v1/leads/<lead_id>/undoing": ("401 403 404 404 404 403", {}),
    "POST /api/v1/leads/<lead_id>/telling": "401 403 404 404 404 403",
    "POST /api/v1/leads/<lead_id>/withdrawal": api(BEFORE_ACCEPTANCE),
    "POST /api/v1/leads/<lead_id>/answers": (api(BEFORE_ACCEPTANCE), {"answer": "Here it is"}),
    "POST /api/v1/leads/<lead_id>/appeals": (api(BEFORE_ACCEPTANCE), {"why": "I was first, and he says so"}),
    "POST /api/v1/leads/<lead_id>/acceptance": (api(MODERATOR), {}),
    "POST /api/v1/leads/<lead_id>/rejection": (api(MODERATOR), {"reason_code": "spam"}),
    "POST /api/v1/leads/<lead_id>/questions": (api(MODERATOR), {"question": "Where does he live?"}),
    "GET /api/v1/leads/<lead_id>/consent-receipt": "401 404 404 yes 404 yes",
    "POST /api/v1/leads/<lead_id>/contact-disclosures": api(WORKS_THERE),
    "POST /api/v1/leads/<lead_id>/stages": (api(WORKS_THERE), {"stage": "meeting"}),
    "POST /api/v1/leads/<lead_id>/sale": (api(WORKS_THERE), {"amount": "1", "currency": "usd",
                                                              "occurred_on": "2026-11-02"}),
    "POST /api/v1/leads/<lead_id>/refunds": (api(WORKS_THERE), {"amount": "1", "currency": "usd",
                                                                 "refund_number": "R-1"}),
    "GET /api/v1/disputes": API,
    "GET /api/v1/disputes/<dispute_id>": "401 yes 404 yes 404 yes",
    "POST /api/v1/leads/<lead_id>/disputes": ("401 yes 404 403 404 403", {
        "kind": "ghost_close", "text": "He told me that he bought it there.", "happened_on": "2026-11-02",
        "amount": "30000", "currency": "usd"}),
    "POST /api/v1/disputes/<dispute_id>/acceptances": "401 403 404 yes 404 403",
    "POST /api/v1/disputes/<dispute_id>/objections": ("401 403 404 yes 404 403", {"text": "It was recorded as it was."}),
    "POST /api/v1/disputes/<dispute_id>/escalations": "401 yes 404 403 404 403",
    "POST /api/v1/disputes/<dispute_id>/withdrawals": "401 yes 404 403 404 403",
    "POST /api/v1/disputes/<dispute_id>/statements": ("401 yes 404 yes 404 403", {"text": "And one thing more."}),
    "GET /api/v1/rewards": API,
    "GET /api/v1/rewards/<reward_id>": "401 yes 404 yes 404 yes",
    "GET /api/v1/splits": API,
    "GET /api/v1/splits/<split_id>": "401 yes yes 404 404 404",
    "POST /api/v1/splits/<split_id>/withdrawal": "401 yes 403 404 404 404",
    "GET /api/v1/rewards-in-kind/<kind_id>": "401 yes 404 yes 404 yes",
    "POST /api/v1/rewards-in-kind/<kind_id>/refusal": "401 yes 404 403 404 403",
    "POST /api/v1/rewards-in-kind/<kind_id>/forgiveness": "401 yes 404 403 404 403",
    "GET /api/v1/leads/<lead_id>/conversions": "401 yes 404 yes 404 yes",
    "POST /api/v1/leads/<lead_id>/renewals": (api(WORKS_THERE), {
        "amount": "1", "currency": "usd", "occurred_on": "2026-11-02", "order_number": "O-1"}),
    "POST /api/v1/leads/<lead_id>/renewals-end": api(WORKS_THERE),
    "POST /api/v1/leads/<lead_id>/splits": ("401 yes 404 403 404 403", {
        "own_percent": "50", "parts": [{"email": "tom@example.com", "percent": "50"}]}),
    "POST /api/v1/splits/<split_id>/answers": ("401 404 yes 404 404 404", {"agrees": True}),
    "GET /api/v1/rewards-in-kind": API,
    "POST /api/v1/rewards-in-kind/<kind_id>/offers": ("401 403 404 yes 404 403", {"offer": "Come by"}),
    "POST /api/v1/rewards-in-kind/<kind_id>/fulfilment": ("401 403 404 yes 404 403", {"receipt": "Handed over"}),
    "POST /api/v1/rewards-in-kind/<kind_id>/thanks": "401 yes 404 403 404 403",
    "GET /api/v1/businesses/<business_id>/webhook-endpoints": api(OWNS_THERE),
    "POST /api/v1/businesses/<business_id>/webhook-endpoints": (api(OWNS_THERE), {"url": "https://hooks.example/third"}),
    "GET /api/v1/webhook-endpoints/<endpoint_id>": HOOK,
    "PUT /api/v1/webhook-endpoints/<endpoint_id>": (HOOK, {"kinds": ["lead"]}),
    "DELETE /api/v1/webhook-endpoints/<endpoint_id>": HOOK,
    "POST /api/v1/webhook-endpoints/<endpoint_id>/secrets": HOOK,
    "POST /api/v1/webhook-endpoints/<endpoint_id>/switching-off": HOOK,
    "POST /api/v1/webhook-endpoints/<endpoint_id>/switching-on": HOOK,
    "POST /api/v1/webhook-endpoints/<endpoint_id>/tests": HOOK,
    "GET /api/v1/webhook-endpoints/<endpoint_id>/deliveries": HOOK,
    "POST /api/v1/webhook-endpoints/<endpoint_id>/replays": (HOOK, {}),
    "GET /api/v1/webhook-deliveries/<delivery_id>": HOOK,
    "POST /api/v1/webhook-deliveries/<delivery_id>/replays": HOOK,
}

# Which of the world's leads a route is tried on; the others are tried on the one that is open to the business.
IN_REVIEW = ("claim", "undoing", "telling", "escalation", "end", "withdrawal", "answer", "answers", "appeal", "appeals",
             "acceptance", "rejection", "question", "questions",
             "ruling", "now")


# Where the name, address or number of a planted buyer may come out, and to whom: their own pages, to whoever holds the
# link that came by their mail; the business that they said yes to, by the one door that writes it down. Nowhere else.
MAY_BE_TOLD: dict[str, set[str]] = {
    "GET /your-data/<token>": set(PEOPLE),
    "GET /your-data/<token>/export.json": set(PEOPLE),
    "GET /your-data/<token>/export.csv": set(PEOPLE),
    "POST /leads/<lead_id>/contact": {"member"},
    "POST /api/v1/leads/<lead_id>/contact-disclosures": {"member"},
}
TOLD: dict[str, set[str]] = {}


@dataclass
class World:
    """One lead of each kind, and everybody who could be interested in it."""

    people: dict[str, str]  # Ids.
    names: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)  # An API key with every scope, by person.
    in_review: str = ""
    open: str = ""


def kept_world(keep: Keep, settings_env: dict[str, str]) -> World:
    return keep("who sees what", lambda: _make_world(Path(settings_env["MAIL_DIR"])))


@pytest.fixture
def world(keep: Keep, settings_env: dict[str, str]) -> World:
    return kept_world(keep, settings_env)


def _make_world(mails: Path) -> World:
    ana, tom, mona = make.make_user(), make.make_user("Tom Berg"), make.make_user("Mona Lind", is_admin=True)
    wes, pete = make.make_user("Wes Park"), make.make_user("Pete Moss")
    business = make.make_business(wes)
    make.make_business(pete, name="Eastside Auto")
    agent = make.make_member(business)
    bounty = make.make_bounty(business, is_live=True, funded_for=9)
    open_lead = make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"david@{canary.DOMAIN}")
    won = make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"won@{canary.DOMAIN}")
    make.win(won, by=wes)
    asked = make.accept(make.make_lead(bounty, by=ana))
    in_review = make.review_lead(make.make_lead(
        bounty, by=ana, buyer_name=canary.NAME, buyer_email=f"new@{canary.DOMAIN}"))
    with transaction():
        for buyer in db.session.query(Buyer):
            buyer.name, buyer.phone = canary.NAME, canary.PHONE
    split_id, share_id, kind_id = _earned(business, ana, tom, pete, in_review)
    key, _ = _key(ana)
    with transaction():
        funding = request_funding(business.id, bounty.id, Money(100_000, "usd"), by=wes)
        outbox.promise("send_letter", letter="x")
    with transaction():
        dead = db.session.query(outbox.OutboxMessage).order_by(outbox.OutboxMessage.id.desc()).first()
        assert dead is not None
        dead.dead_at = clock.now()
    grant = find_live_grant(open_lead)
    assert grant is not None
    money_out = _money_out(ana, business.id, bounty.id)
    unconfirmed = make.make_user("New Person", is_confirmed=False)
    with transaction():
        now = clock.now()
        db.session.add(StripeMovement(
            id="txn_1", type="payout", reporting_category="payout", amount_minor=-5, fee_minor=0, net_minor=-5,
            currency="usd", occurred_at=now, available_on=now))
        item = OpenItem(kind=OpenItemKind.EVENT_UNHANDLED, subject_id="evt_1", note="Stuck.", last_seen_at=now)
        db.session.add(item)
    mail.send(mail.Mail("someone@example.com", "Hello", "A letter."), dedupe_id="x")
    disputed = _disputed(won, ana)
    names = money_out | _bad_days(funding) | _listening(business, wes) | {
        "report_id": _reported(business, open_lead, wes), **_brought(business, bounty.id, wes),
        "file_id": _with_file(open_lead, ana), "dispute_id": disputed.id, "witness": sign("witness", disputed.id, until=clock.now().date()),
        "name": mail.list_kept(mails)[0].name,
        **_link_and_domain(bounty, ana, wes),
        "business_id": business.id, "slug": business.slug, "bounty_id": bounty.id, "other_lead_id": open_lead.id, "funding_id": funding.id,
        "split_id": split_id, "share_id": share_id, "kind_id": kind_id, "reward_id": rewards_of_lead(won)[0].id, "user_id": ana.id, "key_id": key.id, "job_id": dead.id, "purpose": "buyer",
        "membership_id": db.session.query(Membership.id).filter_by(user_id=agent.id).scalar(),
        "movement_id": "txn_1", "item_id": item.id, "entry_id": db.session.query(LedgerEntry.id).limit(1).scalar(),
        "rule_id": db.session.query(GateRule.id).limit(1).scalar(), "case_id": _case_of_fraud(won, mona),
        "account_id": db.session.query(LedgerAccount.id).limit(1).scalar(),
        "buyer": sign("buyer", asked.id, until=clock.now().date()), "consent": sign("consent-confirm", grant.id, until=clock.now().date()),
        "data": data_link(db.session.get_one(Buyer, open_lead.buyer_id)).rpartition("/")[2],
        "confirm": confirmation_link(unconfirmed), "reset": reset_link(unconfirmed),
    }
    people = dict(zip(PEOPLE[1:], (ana, tom, wes, pete, mona), strict=True))
    secrets = {name: _key(user)[1] for name, user in people.items()}
    return World({name: user.id for name, user in people.items()}, names, secrets, in_review=in_review.id, open=open_lead.id)


def _listening(business: Business, owner: User) -> dict[str, str]:
    """Added last, so that the story before is told to nobody."""
    with transaction():
        endpoint, _ = add_endpoint(business, url="https://hooks.example/fingerpost", by=owner)
    with transaction():
        return {"endpoint_id": endpoint.id, "delivery_id": send_test(endpoint, by=owner),
                "door_id": open_door(business, by=owner).id}


def _brought(business: Business, bounty_id: str, owner: User) -> dict[str, str]:
    """A file that waits for its columns, and somebody of an earlier programme."""
    with receive(io.BytesIO(b"id,date,amount\n1,2026-11-02,5\n")) as received, transaction():
        upload = keep_upload(business, received, purpose=UploadPurpose.CONVERSIONS, file_name="orders.csv", by=owner)
    with transaction():
        partner = PartnerInvitation(business_id=business.id, programme="other", name="Pia", email="pia@example.com",
                                    email_hash="0")
        asked = PartnerInvitation(business_id=business.id, programme="other", name="Tia", email="tia@example.com",
                                  email_hash="1", state=InvitationState.INVITED, bounty_id=bounty_id)
        db.session.add_all([partner, asked])
    return {"upload_id": upload.id, "invitation_id": partner.id, "invitation": sign("partner-invitation", asked.id, until=clock.now().date())}


def _reported(business: Business, lead: Lead, owner: User) -> str:
    """That the buyer of this lead is a customer now."""
    with transaction():
        said = Reported(external_id="L-1", kind=ReportKind.LEAD, lead_id=lead.id)
        return take_conversion(business, said, source=ConversionSource.MANUAL, by=owner).report.id


def _link_and_domain(bounty: Bounty, referrer: User, owner: User) -> dict[str, str]:
    with transaction():
        link = link_of(bounty, by=referrer)
        domain = add_domain(bounty.business, "shop.westside.example", by=owner)
    return {"link_id": link.id, "said": link.spoken, "code": link.code, "domain_id": domain.id, "kind": "svg"}


def _with_file(lead: Lead, referrer: User) -> str:
    """A picture, given as evidence."""
    with transaction():
        keep_files(lead, [GivenFile("image", "image/webp", b"RIFF", "0" * 64)], by=referrer.id)
    return files_of(lead)[0].id


def _disputed(lead: Lead, referrer: User) -> Dispute:
    """The sale came to more than was recorded; the buyer is asked, through the referrer."""
    with transaction():
        dispute = open_dispute(db.session.get_one(Lead, lead.id), DisputeKind.WRONG_AMOUNT, by=referrer,
                               text="He told me that he paid much more.", claim=Claim(amount=Money(9_000_000, "usd")))
        dispute.witness_asked_at, dispute.witness_by_mail = clock.now(), False
        return dispute


def _bad_days(funding: Funding) -> dict[str, str]:
    """A chargeback that is over, a warning that is closed, a debt that is paid: to decide about them is too late."""
    with transaction():
        of_funding = {"funding_id": funding.id, "business_id": funding.business_id, "purpose_id": funding.purpose_id}
        over = Chargeback(
            **of_funding, stripe_id="du_1", amount=Money(100, "usd"), state=ChargebackState.WON, stripe_status="won",
            reason="general", opened_at=clock.now(), closed_at=clock.now(), settled_at=clock.now())
        warning = FraudWarning(**of_funding, stripe_id="issfr_1", fraud_type="misc", state=WarningState.CLOSED,
                               closed_at=clock.now())
        db.session.add_all([over, warning, BusinessDebt(
            id="refund_1", business_id=funding.business_id, purpose_id=funding.purpose_id, owed=Money(0, "usd"))])
        db.session.flush()
        return {"chargeback_id": over.id, "warning_id": warning.id, "source_id": "refund_1"}


def _case_of_fraud(lead: Lead, admin: User) -> str:
    """Looked at and let go: to decide about it is too late."""
    with transaction():
        look = FraudScore(lead_id=lead.id, point=Point.CONSENT, score=70, verdict=Verdict.HOLD, rules_version=1,
                          reasons=[["own_device", 70, ""]])
        db.session.add(look)
        db.session.flush()
        case = FraudCase(
            lead_id=lead.id, about_id=lead.referrer_id, score_id=look.id, level=Verdict.HOLD, state=CaseState.LET_GO,
            due_at=clock.now(), expires_at=clock.now(), decided_at=clock.now(), decided_by=admin.id, reason="A family")
        db.session.add(case)
        db.session.flush()
        return case.id


def _money_out(payee: User, business_id: str, bounty_id: str) -> dict[str, str]:
    """A batch that waits, a transfer that was sent, a debt, and an order about it that is too late."""
    with transaction():
        batch = TransferBatch(asked_by="system")
        sent = Transfer(payee_id=payee.id, business_id=business_id, destination="acct_1", amount=Money(5_000, "usd"),
                        state=TransferState.SENT, idempotency_key="key-sent", stripe_transfer_id="tr_1")
        db.session.add_all([batch, sent])
        db.session.flush()
        db.session.add(Payable(id="reward_sent", payee_id=payee.id, business_id=business_id, amount=Money(5_000, "usd"),
                               state=PayableState.SENT, transfer_id=sent.id))
        db.session.flush()
        funds = ledger.account(AccountKind.FUNDS, bounty_id, "usd")
        ledger.move(Money(5_000, "usd"), source=funds, target=ledger.account(AccountKind.PAYABLE, "reward_sent", "usd"),
                    kind="reward_released", reference="reward_sent:released")
        debt = TransferReversal(
            reference="clawback_1", transfer_id=sent.id, payable_id="reward_sent", amount=Money(1_000, "usd"),
            credit_account_id=funds.id, state=ReversalState.OUTSTANDING,
            idempotency_key="key-debt", failure_code="balance_insufficient", owed_since=clock.now())
        order = MoneyOrder(kind=OrderKind.REVERSAL, subject_id=sent.id, amount=Money(5_000, "usd"), reason="Too late",
                           asked_by=payee.id)
        db.session.add_all([debt, order])
        db.session.flush()
        return {"batch_id": batch.id, "transfer_id": sent.id, "reversal_id": debt.id, "order_id": order.id}


def _key(user: User) -> tuple[ApiKey, str]:
    with transaction():
        return create_key(user, name="All", scopes=list(SCOPES), days=None)


def _earned(business: Business, ana: User, tom: User, pete: User, lead: Lead) -> tuple[str, str, str]:
    """A split that names Tom, a share of the buyer's, who is Pete, and a cake for Ana."""
    bounty = make.make_bounty(business, is_live=True, rules=[
        make.flat(100_000), make.flat(5_000, whom=For.BUYER),
        {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake"}])
    sold = make.consent(make.accept(make.make_lead(bounty, by=ana)), email=pete.email)
    make.win(sold)
    with transaction():
        split = propose_split(db.session.get_one(Lead, lead.id), by=ana, own_bps=5_000, others=[(tom.email, 5_000)])
    share = next(reward for reward in rewards_of_lead(sold) if reward.whom is For.BUYER)
    return split.id, share.id, things_of_lead(sold)[0].id


def _parameters(rule: str, arguments: set[str], world: World) -> dict[str, str]:
    given = {name: world.names.get(name, "") for name in arguments}
    if "lead_id" in arguments:
        given["lead_id"] = world.in_review if rule.rsplit("/", 1)[-1] in IN_REVIEW else world.open
    if "token" in arguments:
        given["token"] = world.names[next(k for k, part in (
            ("witness", "/witness/"), ("invitation", "/invitation/"), ("data", "/your-data/"), ("consent", "/buyer/confirm/"), ("buyer", "/buyer/"), ("buyer", "/bought/"), ("confirm", "/confirm/"), ("reset", "/reset/"))
            if part in rule)]
    if "filename" in arguments:
        given["filename"] = "swagger-ui.css" if rule.startswith("/api") else "app.css"
    if rule.startswith("/witness/"):
        given["purpose"] = "witness"
    if "month" in arguments:
        given |= {"currency": "usd", "month": "2026-11"}
    if "year" in arguments:
        given["year"] = str(clock.now().year)
    if "number" in arguments:
        given["number"] = "1"
    if rule == "/dev/blog/<slug>":
        given["slug"] = "in-the-market-for-a-car"
    return given


def _routes(app: Flask) -> dict[str, tuple[str, str, set[str]]]:
    """``METHOD rule`` to (method, endpoint, arguments) of everything that the site answers."""
    return {f"{method} {rule.rule}": (method, rule.endpoint, set(rule.arguments))
            for rule in app.url_map.iter_rules() for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}


def test_every_route_has_its_line(app: Flask) -> None:
    assert set(_routes(app)) == set(TABLE)


def test_who_may_read(app: Flask, world: World, as_user: Callable[[object], Browser]) -> None:
    """All in one world: reading changes nothing."""
    TOLD.clear()
    assert [route for route in sorted(TABLE) if route.startswith("GET")
            if not _answers(route, app, world, as_user).items() <= _wanted(route).items()] == []
    assert {route: people for route, people in TOLD.items() if people != MAY_BE_TOLD.get(route)} == {}
    assert {route for route in MAY_BE_TOLD if route.startswith("GET")} <= set(TOLD), "or nothing would be looked for"


@pytest.mark.parametrize("route", sorted(route for route in TABLE if not route.startswith("GET")))
def test_who_may_write(
    route: str, app: Flask, world: World, as_user: Callable[[object], Browser], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)  # Who may is asked here; CSRF has its own tests.
    TOLD.clear()
    assert _answers(route, app, world, as_user).items() <= _wanted(route).items()
    assert TOLD.get(route) == MAY_BE_TOLD.get(route)


def _wanted(route: str) -> dict[str, str]:
    line = TABLE[route]
    return dict(zip(PEOPLE, (line[0] if isinstance(line, tuple) else line).split(), strict=True))


def _asked(wanted: dict[str, str]) -> list[str]:
    """Who may do it comes last: it may be gone then. PostgreSQL answers one of those who may not: the others' way is the same."""
    refused = [name for name in PEOPLE if wanted[name] != "yes"]
    shown = refused if db.engine.dialect.name == "sqlite" else refused[-1:]
    return [*shown, *(name for name in PEOPLE if wanted[name] == "yes")]


def _answers(route: str, app: Flask, world: World, as_user: Callable[[object], Browser]) -> dict[str, str]:
    line, wanted = TABLE[route], _wanted(route)
    body = line[1] if isinstance(line, tuple) else {}
    method, endpoint, arguments = _routes(app)[route]
    given = _parameters(route.split(" ", 1)[1], arguments, world)
    with app.test_request_context():
        address = app.url_for(endpoint, **given)
    answers = {}
    for person in _asked(wanted):
        limiter.reset()
        user_id, is_api = world.people.get(person), "/api/v1/" in route
        browser = as_user(db.session.get_one(User, user_id)) if user_id and not is_api else app.test_client()
        sent = {name: world.names[value[1:-1]] if str(value).startswith("<") else value for name, value in body.items()}
        headers = {"Authorization": f"Bearer {world.secrets[person]}"} if user_id and is_api else {}
        kind = "query_string" if method == "GET" else "json" if is_api else "data"
        response = browser.open(address, method=method, headers=headers, **{kind: sent})
        answers[person] = _in_short(response)
        if canary.is_in(response):
            TOLD.setdefault(route, set()).add(person)
        response.close()
    return answers


def _in_short(response: Any) -> str:
    if response.status_code == 302 and "/sign-in" in response.location:
        return "in"
    if response.status_code < 400 or response.status_code in {409, 410, 422}:
        return "yes"
    return str(response.status_code)
