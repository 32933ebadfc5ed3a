"""The ledger's rooms and the room of reconciliation: every amount leads to its entry, any id leads somewhere."""

import pytest
from lxml import html
from sqlalchemy import select

from marketplace.bounties.models import Happening
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import User
from marketplace.payments.books import reconciliation
from marketplace.payments.models import (
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    OpenItem,
    StripeMovement,
    Transfer,
)
from marketplace.payments.money_out.stops import why_stopped
from marketplace.payments.money_out.transfers import request_transfers
from marketplace.referrals.models import Reward
from tests.browsing import end_reading, words_of
from tests.factories import accept, consent, flat, make_bounty, make_lead, make_user, owner_of, win
from tests.payments.money_steps import make_ready, pay_in, usd


@pytest.fixture
def browser(keep, as_user):
    return as_user(db.session.get_one(User, keep("an admin", lambda: make_user("Mona Lind", is_admin=True).id)))


@pytest.fixture
def reward(stripe_sandbox, app, later, work, keep) -> Reward:
    """Paid in at Stripe, earned, released, sent to Ana."""
    def build():
        ana, bounty = make_user("Ana Flores"), make_bounty(is_live=True, funded_for=1)
        pay_in(stripe_sandbox, owner_of(bounty.business), usd(2100), purpose=bounty.id)
        lead = consent(accept(make_lead(bounty, by=ana)))
        win(lead)
        make_ready(stripe_sandbox, ana)
        later(days=31)
        work()
        with transaction():
            request_transfers(ana.id)
        work()

    before, app.extensions["gateway"] = app.extensions["gateway"], stripe_sandbox.gateway()
    keep("a reward that was sent", build)
    end_reading()
    yield db.session.scalars(select(Reward)).one()
    app.extensions["gateway"] = before


def reconcile_now() -> None:
    with transaction():
        run = reconciliation.begin_by_hand()
    reconciliation.run_to_the_end(run.id)
    end_reading()


def links(page, beginning: str) -> list[str]:
    return [href for href in page.xpath("//main//a/@href") if href.startswith(beginning)]


class TestLedger:
    def test_empty_rooms_say_what_to_do(self, browser):
        assert "No account fits" in words_of(browser.page("/admin/ledger/accounts"))
        assert "Search by an id" in words_of(browser.page("/admin/ledger/search"))
        assert "Nothing found" in words_of(browser.page("/admin/ledger/search?q=lead_none"))
        for missing in ("accounts/acct_x", "entries/entry_x", "movements/txn_x", "rewards/reward_x"):
            browser.page(f"/admin/ledger/{missing}", status=404)

    def test_from_the_trial_balance_to_an_account_to_an_entry_and_back(self, browser, reward):
        trial = browser.page("/admin/ledger")
        accounts = browser.page(next(one for one in links(trial, "/admin/ledger/accounts") if "platform_fees" in one))
        account = browser.page(links(accounts, "/admin/ledger/accounts/")[0])
        assert "$50" in words_of(account)
        entry = browser.page(links(account, "/admin/ledger/entries/")[0])
        assert "Postings of this entry" in words_of(entry)
        assert links(entry, "/admin/ledger/accounts/") and links(entry, "/admin/ledger/rewards/")

    def test_accounts_are_filtered_and_paged(self, browser):
        with transaction():
            for number in range(60):
                db.session.add(LedgerAccount(kind=AccountKind.HELD, owner_id=f"reward_{number}", currency="usd", floor_minor=0))
            db.session.add(LedgerAccount(kind=AccountKind.FUNDS, owner_id="bounty_1", currency="eur", floor_minor=0))
        first = browser.page("/admin/ledger/accounts?kind=held&currency=usd")
        second = browser.page(first.xpath("//a[@rel='next']/@href")[0])
        seen = [one for page in (first, second) for one in set(links(page, "/admin/ledger/accounts/"))]
        assert len(seen) == len(set(seen)) == 60
        only = browser.page("/admin/ledger/accounts?owner=bounty_1")
        assert len(set(links(only, "/admin/ledger/accounts/"))) == 1 and "EUR" in words_of(only)

    def test_a_chain_leaves_out_what_the_leads_other_rewards_took(self, browser):
        parts = [flat(2_500) | {"happening": Happening.QUALIFIED}, flat(40_000)]
        lead = consent(accept(make_lead(make_bounty(is_live=True, rules=parts))))
        win(lead)
        end_reading()
        first, second = db.session.scalars(select(Reward).order_by(Reward.id))
        for reward, held, of_another in ((first, "$26.25", "$420"), (second, "$420", "$26.25")):
            said = words_of(browser.page(f"/admin/ledger/rewards/{reward.id}"))
            assert held in said and of_another not in said and "Reserve" in said

    def test_a_rewards_chain_goes_from_the_funding_to_the_transfer_on_one_page(self, browser, reward):
        page = browser.page(f"/admin/ledger/rewards/{reward.id}")
        said = words_of(page)
        for step in ("Reserve", "Reward", "Transfer requested", "Transfer sent", "Our balance at Stripe", "Ana Flores"):
            assert step in said, step
        entries = links(page, "/admin/ledger/entries/")
        assert len(set(entries)) >= 5
        transfer = db.session.scalars(select(Transfer)).one()
        assert transfer.stripe_transfer_id in said and "$1,000" in said
        assert "ch_" in said

    @pytest.mark.parametrize("which", ["reward", "lead", "transfer", "stripe's transfer"])
    def test_any_id_of_a_reward_leads_to_its_chain(self, which, browser, reward):
        transfer = db.session.scalars(select(Transfer)).one()
        wanted = {"reward": reward.id, "lead": reward.lead_id, "transfer": transfer.id,
                  "stripe's transfer": transfer.stripe_transfer_id}[which]
        response = browser.get(f"/admin/ledger/search?q={wanted}", follow_redirects=True)
        assert f"/admin/ledger/rewards/{reward.id}" in response.text or response.request.path.endswith(reward.id)

    def test_an_entry_and_an_account_are_found_by_their_ids(self, browser, reward):
        entry_id = db.session.scalars(select(LedgerEntry.id)).first()
        assert browser.get(f"/admin/ledger/search?q={entry_id}").location.endswith(entry_id)
        account_id = db.session.scalars(select(LedgerAccount.id)).first()
        assert browser.get(f"/admin/ledger/search?q={account_id}").location.endswith(account_id)

    def test_a_movement_shows_what_explains_it(self, browser, reward):
        reconcile_now()
        transfer = db.session.scalars(select(Transfer)).one()
        movement = db.session.scalars(select(StripeMovement).filter_by(source_id=transfer.stripe_transfer_id)).one()
        found = browser.page(f"/admin/ledger/search?q={transfer.stripe_transfer_id}")
        assert f"/admin/ledger/movements/{movement.id}" in links(found, "/admin/ledger/movements/")
        page = browser.page(f"/admin/ledger/movements/{movement.id}")
        assert "To the cent" in words_of(page) and f"{transfer.id}:sent" in words_of(page)
        entry = browser.page(links(page, "/admin/ledger/entries/")[0])
        assert f"/admin/ledger/movements/{movement.id}" in links(entry, "/admin/ledger/movements/")


class TestReconciliation:
    def test_a_run_by_button_shows_four_ways_that_agree(self, browser, stripe_sandbox, app, work):
        app.extensions["gateway"], before = stripe_sandbox.gateway(), app.extensions["gateway"]
        assert "No run has finished yet" in words_of(browser.page("/admin/reconciliation"))
        pay_in(stripe_sandbox, owner_of(make_bounty().business), usd(100))
        browser.submit("/admin/reconciliation", press="Reconcile now")
        assert "A run is under way" in words_of(browser.page("/admin/reconciliation"))
        work()
        said = words_of(browser.page("/admin/reconciliation"))
        assert "Nothing is open" in said and "$96.80" in said and "None" in said
        app.extensions["gateway"] = before

    def test_an_item_is_seen_everywhere_and_settled_with_a_reason(
        self, browser, stripe_sandbox, app, as_user, work, mailbox,
    ):
        app.extensions["gateway"], before = stripe_sandbox.gateway(), app.extensions["gateway"]
        stripe_sandbox.control.top_up(amount=70_00, currency="usd")
        reconcile_now()
        item = db.session.scalars(select(OpenItem)).one()
        work()
        letter = mailbox.to(db.session.scalars(select(User.email).where(User.is_admin)).one())[-1]
        assert letter["Subject"] == "Our books and Stripe’s disagree"
        assert "Topup unexplained · Stripe has $70 more" in letter.get_body(("plain",)).get_content()
        page = browser.page("/admin/reconciliation")
        assert "Topup unexplained" in words_of(page) and "Transfers are stopped" in words_of(page)
        assert "transfers are stopped" in words_of(browser.page("/dashboard/admin"))
        health = browser.get("/health").json
        assert (health["ok"], health["open_items"], health["transfers_stopped"]) == (True, 1, True)
        address = f"/admin/reconciliation/items/{item.id}"
        as_user(make_user()).page(address, status=403)
        assert "Stripe has $70 more" in words_of(browser.page(address))
        refused = browser.submit(address, {"reason": " "}, action="/booking")
        assert refused.status_code == 422 and "Post an entry" in refused.text
        said = browser.submit(address, {"reason": "We paid it in for fees."}, action="/booking").text
        assert "The entry is posted" in said and "Nothing is open" in said and "We paid it in for fees." in said
        assert why_stopped(None) is None
        assert browser.get("/health").json["transfers_stopped"] is False
        assert "We paid it in for fees." in words_of(browser.page(address))
        app.extensions["gateway"] = before

    def test_an_item_without_an_entry_is_closed_with_a_reason(self, browser, stripe_sandbox, app):
        app.extensions["gateway"], before = stripe_sandbox.gateway(), app.extensions["gateway"]
        stripe_sandbox.control.skew_balance(currency="usd", amount=-5)
        reconcile_now()
        item = db.session.scalars(select(OpenItem).filter_by(currency="usd")).one()
        address = f"/admin/reconciliation/items/{item.id}"
        assert "Post an entry" not in words_of(browser.page(address))
        unreadable = browser.submit(address, {"reason": "Ticket 7" + "." * 1_000}, action="/closure")
        assert unreadable.status_code == 422 and "Ticket 7...." in unreadable.text
        late = dict(browser.page(address).xpath("//form[contains(@action, '/closure')]")[0].form_values())
        browser.submit(address, {"reason": "Stripe's ticket 7."}, action="/closure")
        kept = browser.post(f"{address}/closure", data={**late, "reason": "It is a rounding of theirs."})
        assert kept.status_code == 409 and "It is a rounding of theirs." in words_of(html.fromstring(kept.text))
        assert "Stripe's ticket 7." in words_of(browser.page("/admin/reconciliation"))
        app.extensions["gateway"] = before
