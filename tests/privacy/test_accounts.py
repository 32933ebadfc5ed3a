"""An account holder takes everything along, and leaves: what is owed first, then every word of them goes."""
import csv
import io
import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import update

import marketplace.app  # noqa: F401 - so that every table is known
from marketplace.bounties.models import NonCash, RewardKind
from marketplace.foundation import clock
from marketplace.foundation.db import Base, db, rows_of, transaction
from marketplace.foundation.traces import TraceKind, keep_traces
from marketplace.identity.api_keys import create_key
from marketplace.identity.models import MemberRole, Membership, User
from marketplace.payments import ledger
from marketplace.payments.models import ConnectedAccount, LedgerEntry
from marketplace.privacy.closing import GONE, NotSettled, close_account, forget_user
from marketplace.privacy.hindrances import hindrances
from marketplace.privacy.holders import BY_WAY_OF, OF_USER
from marketplace.privacy.kinds import ACCOUNT, KINDS, Whose, columns_of
from marketplace.privacy.retention import erase_due
from marketplace.privacy.takeaway import everything_about
from marketplace.referrals.consent import refuse_consent
from marketplace.referrals.disputes.ending import end_withdrawn
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.in_kind import forgive_thing, things_of_lead
from marketplace.referrals.models import (
    Dispute,
    DisputeKind,
    FraudCase,
    FraudScore,
    Lead,
    Moderation,
    Point,
    Reward,
    Verdict,
)
from marketplace.referrals.moderation import accept_lead
from marketplace.referrals.sharing import propose_split
from tests import factories as make
from tests.browsing import end_reading, words_of
from tests.privacy.everything import places_of
from tests.referrals.steps import do

NAME, MAIL, SAID = "Wilhelmina Quillfeather", "wilhelmina@quillfeather.example", "my quillcousin told me about it"


@pytest.fixture
def mina(app, keep):
    """She pointed, shared, has a key and a place to be paid; nothing is owed."""
    user_id = keep("an account with data", _make)
    return db.session.get_one(User, user_id)


def _make():
    mina = make.make_user(NAME, email=MAIL)
    lead = make.review_lead(make.make_lead(by=mina))
    ended = make.accept(make.make_lead(by=mina))
    do(refuse_consent, ended)
    with transaction():
        db.session.get_one(Lead, lead.id).how_known = SAID
        db.session.get_one(Lead, ended.id).appeal = SAID
        create_key(mina, name=f"Key of {NAME}", scopes=["leads:read"], days=None)
        propose_split(db.session.get_one(Lead, lead.id), by=mina, own_bps=5_000, others=[(f"x{MAIL}", 5_000)])
        db.session.add(ConnectedAccount(user_id=mina.id, country="US", currency="usd", idempotency_key="k",
                                        requirements=[SAID], bank_marks=[SAID]))
        keep_traces(mina.id, {TraceKind.DEVICE: "a" * 22})
    return mina.id


def leave(user):
    do(close_account, user, password=make.PASSWORD, by=user)
    end_reading()


@pytest.mark.once
def test_the_file_holds_every_table_as_json_and_as_csv(mina, as_user):
    packed = as_user(mina).submit("/settings/data", action="/export")
    assert packed.status_code == 200
    with zipfile.ZipFile(io.BytesIO(packed.data)) as file:
        told = json.loads(file.read("about-me.json"))
        assert {f"{name}.csv" for name in told["tables"]} | {"about-me.json"} == set(file.namelist())
        leads = list(csv.DictReader(io.StringIO(file.read("leads.csv").decode("utf-8-sig"))))
    assert {"users", "leads", "evidence", "splits", "api_keys", "connected_accounts", "audit_events"} <= set(told["tables"])
    assert told["tables"]["users"][0]["email"] == MAIL and SAID in {lead["how_known"] for lead in leads}
    assert not {"password_hash", "secret_hash", "session_stamp"} & {name for rows in told["tables"].values() for name in rows[0]}
    assert "user.exported" in places_actions(mina)


def places_actions(user):
    from marketplace.foundation.audit import AuditEvent  # noqa: PLC0415

    return {event.action for event in db.session.query(AuditEvent).filter_by(subject_id=user.id)}


@pytest.mark.once
def test_nobody_elses_rows_are_in_it(mina, as_user):
    other = make.make_user("Tom Berg", email="tom@quillfeather.example")
    make.review_lead(make.make_lead(by=other))
    packed = as_user(mina).submit("/settings/data", action="/export")
    with zipfile.ZipFile(io.BytesIO(packed.data)) as file:
        assert other.id not in file.read("about-me.json").decode()


@pytest.mark.once
def test_it_tells_no_decision_early_and_nothing_that_the_buyer_or_another_person_wrote(app):
    ana, mona = make.make_user(), make.make_user("Mona Lind", is_admin=True)
    bounty = make.make_bounty(is_live=True)
    sold = make.consent(make.accept(make.make_lead(bounty, by=ana), by=mona))
    undone = make.review_lead(make.make_lead(bounty, by=ana))
    do(accept_lead, undone, by=mona)
    with transaction():
        db.session.get_one(Lead, sold.id).buyer_jurisdiction = "US-LA"
        look = FraudScore(lead_id=sold.id, point=Point.CONSENT, score=60, verdict=Verdict.HOLD, reasons=[], rules_version=1)
        db.session.add(look)
        db.session.flush()
        db.session.add(FraudCase(lead_id=sold.id, about_id=ana.id, score_id=look.id, level=Verdict.HOLD,
                                 due_at=clock.now(), expires_at=clock.now(), appeal=SAID))
        dispute = open_dispute(sold, DisputeKind.UNTRACKED, by=ana, text=f"{SAID}, and he bought.",
                               claim=Claim(clock.now().date(), make.SALE))
    with transaction():
        for case in db.session.query(FraudCase):
            case.decided_by, case.decided_at = mona.id, clock.now()
        db.session.get_one(Dispute, dispute.id).ruled_by = mona.id
    hers, admins = everything_about(ana), everything_about(mona)
    told = next(row for row in hers["leads"] if row["id"] == undone.id)
    assert (told["moderation"], told["decided_at"], told["stage"]) == (Moderation.IN_REVIEW, None, None)
    assert "US-LA" not in json.dumps(hers) and SAID in json.dumps(hers)
    assert {"disputes", "fraud_cases"} <= set(hers) and not {"disputes", "fraud_cases"} & set(admins)


@pytest.mark.once
def test_every_column_that_points_at_a_person_is_in_the_list():
    pointing = {(table.name, column.name) for table in Base.metadata.sorted_tables for column in table.columns
                if any(key.column.table.name == "users" for key in column.foreign_keys)}
    listed = {(table, column) for table, columns in OF_USER.items() for column in columns.split()}
    assert pointing - listed == set()
    assert {*OF_USER, *BY_WAY_OF} <= set(Base.metadata.tables)
    personal = set(columns_of(*(kind for kind in KINDS if kind.whose is Whose.HOLDER)))
    assert personal - {*OF_USER, *BY_WAY_OF} == {
        "stripe_customers", "stripe_doors", "stripe_door_events", "webhook_endpoints"}, "those are a business's"


def test_leaving_takes_every_word_of_them(mina, as_user):
    entries, counts = db.session.query(LedgerEntry).count(), db.session.query(Lead).count()
    held = places_of(NAME, MAIL, SAID)
    assert {"users.name", "users.email", "leads.how_known", "leads.appeal", "api_keys.name"} <= held
    browser = as_user(mina)
    assert "What stays, and why" in words_of(browser.page("/settings/closing"))
    assert browser.submit("/settings/closing", {"current_password": "not this one"}).status_code == 422
    browser.submit("/settings/closing", {"current_password": make.PASSWORD})
    end_reading()
    assert places_of(NAME, SAID) == set()
    assert places_of(MAIL) == {"split_parts.email"}, "the one she asked is not she"
    gone = db.session.get_one(User, mina.id, populate_existing=True)
    assert (gone.name, gone.is_active) == (GONE, False)
    assert {lead.moderation for lead in db.session.query(Lead).filter_by(referrer_id=gone.id)} == {
        Moderation.WITHDRAWN, Moderation.EXPIRED}
    assert db.session.query(Lead).count() == counts and ledger.check_ledger() == []
    assert db.session.query(LedgerEntry).count() == entries
    assert browser.get("/settings").status_code == 302, "nobody is signed in with it any more"
    assert "user.closed" in places_actions(gone)
    before = gone.closed_at
    do(forget_user, gone, by="system")
    assert db.session.get_one(User, mina.id, populate_existing=True).closed_at == before


def test_an_accepted_lead_ends_and_frees_what_was_reserved(app, work, mailbox):
    ana = make.make_user()
    lead = make.accept(make.make_lead(by=ana))
    leave(ana)
    assert db.session.get_one(Lead, lead.id, populate_existing=True).moderation is Moderation.EXPIRED
    work()
    assert [mail["To"] for mail in mailbox.all() if "erased" in str(mail["To"])] == [], "nobody reads that"
    assert ledger.check_ledger() == []


@pytest.mark.once
class TestWhatIsOwedComesFirst:
    def refused(self, user):
        with pytest.raises(NotSettled) as refusal:
            leave(user)
        end_reading()
        assert db.session.get_one(User, user.id, populate_existing=True).is_active and refusal.value.next_step
        return refusal.value.message

    def test_money_things_and_disputes_all_told_at_once(self, app):
        ana, bounty = make.make_user(), make.make_bounty(is_live=True, rules=[
            make.flat(100_000), {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake"}])
        lead = make.consent(make.accept(make.make_lead(bounty, by=ana)))
        make.win(lead)
        dispute = do(open_dispute, lead, DisputeKind.DATA_MISUSE, by=None, text="They sent me adverts for boats.")
        told = self.refused(ana)
        assert "Money is still owed" in told and "is no money" in told and "dispute" in told
        with transaction():
            db.session.execute(update(rows_of(Reward)).values(state="voided", void_reason="test"))
            end_withdrawn(db.session.get_one(Dispute, dispute.id), by="buyer")
        assert self.refused(ana) == "A business owes you something that is no money."
        with transaction():
            forgive_thing(things_of_lead(db.session.get_one(Lead, lead.id))[0], by=db.session.get_one(User, ana.id))
        leave(ana)

    def test_the_last_owner_of_a_business_with_people_or_bounties(self, app):
        wes = make.make_user("Wes Park")
        business = make.make_business(wes)
        tom = make.make_member(business)
        end_reading()
        assert "no other owner" in self.refused(db.session.get_one(User, wes.id))
        with transaction():
            db.session.query(Membership).filter_by(user_id=tom.id).one().role = MemberRole.OWNER
        leave(db.session.get_one(User, wes.id, populate_existing=True))
        pete = make.make_user("Pete Moss")
        make.make_bounty(make.make_business(pete, name="Eastside Auto"), is_live=True)
        end_reading()
        assert "bounties, money or leads" in self.refused(db.session.get_one(User, pete.id))

    def test_the_only_admin(self, app):
        mona = make.make_user("Mona Lind", is_admin=True)
        assert "only admin" in self.refused(mona)
        make.make_user("Mo", is_admin=True)
        assert hindrances(mona) == []


@pytest.mark.once
def test_an_account_that_was_never_confirmed_goes_by_itself(app, clock):
    make.make_user(NAME, email=MAIL, is_confirmed=False)
    clock.move(ACCOUNT.after - timedelta(days=1))
    do(erase_due)
    assert "users.email" in places_of(MAIL)
    clock.move(timedelta(days=2))
    do(erase_due)
    assert places_of(MAIL, NAME) == set()
