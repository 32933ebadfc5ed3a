"""The toy shop of docs/quick-start.md over HTTP: click, visit, purchase, webhook, reward, refund, claw back."""
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from marketplace.bounties.models import RewardKind
from marketplace.foundation.db import db, transaction
from marketplace.payments.ledger_checks import check_ledger
from marketplace.tracking.destinations import USUAL_UTM, lead_links
from marketplace.tracking.models import Report
from marketplace.tracking.script import script
from scripts.processes import free_port
from tests import factories as make
from tests.api.program import new_key
from tests.browsing import apart, end_reading
from tests.sandbox_server import SandboxServer
from tests.serving import served
from tests.tracking.link_steps import FIREFOX, make_link

pytestmark = pytest.mark.once

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop" / "shop.py"
SECRET = "whsec_of_the_shop"


@dataclass
class Street:
    """Fingerpost, the shop and the shop's own Stripe, each behind an address of its own."""

    fingerpost: str
    shop: str
    stripe: SandboxServer
    link: str
    key: str
    visitor: requests.Session

    def buy(self, bicycle: str, click: str) -> None:
        """As a person in a browser; the field is what fingerpost.js puts into the form (tests/browser)."""
        paying = self.visitor.post(f"{self.shop}/checkout", {"bicycle": bicycle, "fp_click": click}, allow_redirects=False)
        assert paying.status_code == 303, paying.text
        assert self.visitor.post(paying.headers["Location"], {"choice": "pay", "card": "visa"}).url == f"{self.shop}/thanks"

    def api(self, path: str) -> Any:
        answer = requests.get(f"{self.fingerpost}/api/v1{path}", headers={"Authorization": f"Bearer {self.key}"}, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def street(app: Flask, clock: object) -> Iterator[Street]:
    port, ana, westside = free_port(), make.make_user(), make.make_business()
    bounty = make.make_bounty(westside, is_live=True, funded_for=2, currency="usd", rules=[
        {"kind": RewardKind.PERCENT, "rate_bps": 500, "cap_minor": 50_000}])
    with transaction():
        lead_links(bounty, f"http://127.0.0.1:{port}/", USUAL_UTM, by=make.owner_of(westside),
                   allow=frozenset({f"127.0.0.1:{port}"}))
    link, (_, key) = make_link(bounty, by=ana), new_key(ana, "rewards:read")
    _, theirs = new_key(make.owner_of(westside), "conversions:write")
    stripe, business_id = SandboxServer(secrets=[SECRET]), westside.id
    with served(apart(app)) as fingerpost, served(_shop({
            "FINGERPOST_URL": fingerpost, "FINGERPOST_KEY": theirs, "FINGERPOST_BUSINESS": business_id,
            "FINGERPOST_SCRIPT_HASH": script().integrity, "SHOP_STRIPE_KEY": "sk_test_sandbox",
            "SHOP_STRIPE_WEBHOOK_SECRET": SECRET, "SHOP_STRIPE_API": stripe.base_url}), port) as shop:
        stripe.deliver_to(lambda body, headers: requests.post(f"{shop}/stripe-webhook", body, headers=headers, timeout=20).status_code)
        visitor = requests.Session()
        visitor.headers["User-Agent"] = FIREFOX
        yield Street(fingerpost, shop, stripe, f"{fingerpost}/r/{link.code}", key, visitor)
    broken = list(stripe.violations)
    stripe.close()
    assert not broken


def _shop(env: dict[str, str]) -> Flask:
    found = importlib.util.spec_from_file_location("shop", SHOP)
    assert found and found.loader
    module = sys.modules["shop"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    made: Flask = module.create_shop(env)
    return made


def come_by(street: Street) -> str:
    """By Ana's link, over the page between, to the shop; the click that the address brings along."""
    between = street.visitor.get(street.link)
    assert "Ana" in between.text
    (onward,) = re.findall(rf'href="({street.shop}/[^"]*fp_click=[^"]*)"', between.text)
    window = street.visitor.get(onward.replace("&amp;", "&"))
    assert f'src="{street.fingerpost}/fingerpost-1.js" integrity="{script().integrity}"' in window.text
    return re.search(r"fp_click=([\w-]{48})", window.url)[1]


def test_a_click_becomes_a_reward_and_a_refund_takes_its_part_back(street):
    street.buy("cargo", come_by(street))
    street.stripe.deliver_webhooks()
    (reward,) = street.api("/rewards")["data"]
    assert (reward["amount"]["amount"], reward["state"], reward["net"]["amount"]) == ("155.00", "pending", "155.00")
    (charge,) = street.stripe.box.world.store.all("charge")
    street.stripe.control.refund_by_hand(charge["id"], amount=155_000)  # Half of it.
    street.stripe.deliver_webhooks(copies=2)
    after = street.api(f"/rewards/{reward['id']}")
    assert (after["clawed_back"]["amount"], after["net"]["amount"]) == ("77.50", "77.50")
    street.stripe.control.refund_by_hand(charge["id"])
    street.stripe.deliver_webhooks(order="reversed", copies=3)
    assert street.api(f"/rewards/{reward['id']}")["net"]["minor"] == 0
    end_reading()
    assert set(db.session.scalars(select(Report.state))) == {"approved"} and len(db.session.scalars(select(Report)).all()) == 3
    assert check_ledger() == []


def test_whoever_came_by_themselves_earns_nobody_anything(street):
    street.buy("city", "")
    street.stripe.deliver_webhooks()
    assert street.api("/rewards")["data"] == []
    end_reading()
    assert db.session.scalars(select(Report)).one().state == "unmatched"


def test_the_shop_believes_nobody_but_its_stripe(street):
    forged = requests.post(f"{street.shop}/stripe-webhook", b"{}", headers={"Stripe-Signature": "t=1,v1=00"}, timeout=20)
    assert forged.status_code == 400
