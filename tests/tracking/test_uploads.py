"""A file of sales: every row is looked at, then the chosen ones are counted, once, however often and however it is cut short."""
import pytest

from marketplace.bounties.models import Bounty
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.referrals.models import Conversion, Reward
from marketplace.tracking.models import Report, ReportState, Upload, UploadState
from marketplace.tracking.uploads import chunks, receiving
from marketplace.tracking.uploads.starting import begin_taking
from tests import factories as make
from tests.browsing import end_reading
from tests.tracking.report_steps import link, report
from tests.tracking.upload_steps import came_of, checked, fresh, rows_of, take, taken

HEAD = "Order number,Date,Amount,Code,Customer email,Customer ID\n"


@pytest.fixture
def shop(keep):
    def build():
        bounty = make.make_bounty(funded_for=5, is_live=True)
        ana = make.make_user()
        return bounty.id, link(bounty, ana).spoken
    bounty_id, spoken = keep("a bounty with Ana's link", build)
    bounty = db.session.get_one(Bounty, bounty_id)
    return bounty.business, spoken


def orders(*rows, head=HEAD):
    return head + "\n".join(rows) + "\n"


class TestChecking:
    def test_it_says_of_every_row_what_would_come_of_it_and_takes_nothing(self, shop, work):
        business, code = shop
        upload = checked(business, orders(
            f"1,2026-11-02,30000.00,{code},eve@example.com,c1", "2,2026-11-02,20.50,NOBODY,,", "3,someday,20,,,",
            "4,2026-11-02,-5.00,,,", "", "2,2026-11-01,20.50,NOBODY,,", "6,2027-01-01,9,,,"), work)
        rows = rows_of(upload)
        assert upload.state is UploadState.CHECKED
        assert came_of(upload) == {2: "earns", 3: "kept", 4: "unreadable", 5: "unreadable", 7: "repeated", 8: "unreadable"}
        assert rows[2].earns == (("Ana Flores", 100_000, "usd"),)
        assert "row 3" in rows[7].why and "someday" in rows[4].why and "below zero" in rows[5].why
        assert all(one.next_step for one in rows.values() if one.outcome.value == "unreadable")
        assert upload.earns == {"usd": 100_000} and upload.counts["unreadable"] == 3
        assert db.session.query(Report).count() == db.session.query(Reward).count() == 0
        assert not audit_of("report.") and ledger.check_ledger() == []

    def test_what_is_nobodys_is_kept_and_matched_when_the_customer_is_known(self, shop, work):
        business, code = shop
        taken(business, orders("1,2026-11-02,10,,zoe@example.com,z9", "2,2026-11-02,10,,,"), work)
        assert {one.state for one in db.session.query(Report)} == {ReportState.UNMATCHED}
        report(business, external_id="other", code=code, customer="z9")
        work()
        end_reading()
        assert {one.external_id: one.state.value for one in db.session.query(Report)} == {
            "1": "rejected", "2": "unmatched", "other": "approved"}  # These terms pay for the first sale alone.

    def test_rows_of_a_customer_whom_another_row_brings_are_theirs_as_well(self, shop, work):
        business, code = shop
        upload = checked(business, orders(f"1,2026-11-01,10,{code},,c7", "2,2026-11-02,10,,,c7", "3,2026-11-02,10,,,c8"), work)
        assert came_of(upload) == {2: "earns", 3: "refused", 4: "kept"}

    def test_funds_that_end_within_the_file_are_seen(self, shop, work):
        business, code = shop
        upload = checked(business, orders(*(f"{n},2026-11-02,10,{code},,c{n}" for n in range(7))), work)
        assert upload.counts == {"earns": 5, "kept": 2}  # Counted once there are funds again.
        assert "funds" in rows_of(upload)[8].why.lower()


class TestTaking:
    def test_rows_become_what_any_other_way_in_would_make_of_them(self, shop, work):
        business, code = shop
        upload = taken(business, orders(f"1,2026-11-02,30000.00,{code},eve@example.com,c1", "2,2026-11-02,20.50,,,"), work)
        assert upload.state is UploadState.TAKEN and came_of(upload) == {2: "earns", 3: "kept"}
        [sale] = db.session.query(Conversion)
        assert (sale.source.value, sale.external_id, sale.amount_minor) == ("csv", "1", 3_000_000)
        [reward] = db.session.query(Reward)
        assert reward.amount_minor == 100_000
        kept = db.session.query(Report).filter_by(external_id="2").one()
        said = report(business, external_id="by-api")  # The same nobody, one by one.
        for column in ("state", "reason", "reasons", "kind", "currency", "customer_hash", "link_code"):
            assert getattr(kept, column) == getattr(said.report, column), column
        assert audit_of("report.unmatched", kept.id)
        assert ledger.check_ledger() == []

    def test_the_same_file_again_counts_nothing(self, shop, work):
        business, code = shop
        file = orders(f"1,2026-11-02,30000.00,{code},,c1", "2,2026-11-02,20.50,,,", ",2026-11-02,7,,,", ",2026-11-02,7,,,")
        first = taken(business, file, work)
        assert came_of(first) == {2: "earns", 3: "kept", 4: "kept", 5: "repeated"}
        again = checked(business, file, work)
        assert came_of(again) == {2: "before", 3: "before", 4: "before", 5: "repeated"}
        assert (db.session.query(Report).count(), db.session.query(Reward).count()) == (3, 1)

    def test_an_id_that_says_something_else_now_is_refused(self, shop, work):
        business, _ = shop
        taken(business, orders("1,2026-11-02,20,,,"), work)
        again = rows_of(checked(business, orders("1,2026-11-02,21,,,"), work))[2]
        assert again.outcome.value == "refused" and "other facts" in again.why and again.next_step

    def test_only_what_is_chosen_is_taken(self, shop, work):
        business, code = shop
        file = orders(f"1,2026-11-02,30000.00,{code},,c1", *(f"{n},2026-11-02,20.50,,," for n in range(2, 7)))
        upload = taken(business, file, work, outcomes=["kept"], left_out="4, 6-7")
        assert came_of(upload) == {2: "left_out", 3: "kept", 4: "left_out", 5: "kept", 6: "left_out", 7: "left_out"}
        assert {one.external_id for one in db.session.query(Report)} == {"2", "4"}

    def test_killed_between_two_parts_it_goes_on_and_counts_each_once(self, shop, work, monkeypatch):
        business, code = shop
        monkeypatch.setattr(receiving, "ROWS_A_PART", 3)
        monkeypatch.setattr(chunks, "ENOUGH", 1)
        upload = checked(business, orders(*(f"{n},2026-11-02,10,{code if n in {1, 5} else ''},,c{n}" for n in range(8))), work)
        assert upload.part_count == 3 and upload.counts == {"earns": 2, "kept": 6}
        real = chunks._keep

        def killed(*given):
            weight = real(*given)
            if given[1].number == 1 and not killed.was:
                killed.was = True
                raise SystemExit
            return weight
        killed.was = False
        monkeypatch.setattr(chunks, "_keep", killed)
        with pytest.raises(SystemExit):
            take(upload, work)
        assert fresh(upload.id).parts_done == 1 and db.session.query(Report).count() == 2
        db.session.rollback()
        with transaction():  # Its lease runs out.
            db.session.query(outbox.OutboxMessage).filter_by(done_at=None).update({"leased_until": None})
        work()
        upload = fresh(upload.id)
        assert upload.state is UploadState.TAKEN and upload.counts == {"earns": 2, "kept": 6}
        assert (db.session.query(Report).count(), db.session.query(Reward).count()) == (8, 2)
        assert ledger.check_ledger() == []


class TestTwoFilesAtOnce:
    def test_what_another_file_took_meanwhile_is_counted_once(self, shop, work, later):
        business, code = shop
        file = orders(f"1,2026-11-02,30000.00,{code},,c1", "2,2026-11-02,20.50,,,")
        first, second = checked(business, file, work), checked(business, file, work)
        take(first, work)
        end_reading()
        with transaction():
            begin_taking(db.session.get_one(Upload, second.id), outcomes=["earns", "kept"], left_out="",
                         by=db.session.get_one(User, second.uploaded_by))
        work(may_fail=True)
        later(minutes=1)
        work()
        assert came_of(fresh(second.id)) == {2: "before", 3: "before"}
        assert (db.session.query(Report).count(), db.session.query(Reward).count()) == (2, 1)


def audit_of(action, *subjects):
    found = db.session.query(audit.AuditEvent).filter(audit.AuditEvent.action.startswith(action))
    return [one for one in found if not subjects or one.subject_id in subjects]
