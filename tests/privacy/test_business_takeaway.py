"""Everything that a business owns, in one zip: its own rows, nobody else's, no word that is somebody else's, no secret."""
import csv
import io
import json
import zipfile

import pytest

from marketplace.foundation import audit
from marketplace.foundation.db import Base, db
from marketplace.identity.models import MemberRole
from marketplace.privacy.business_takeaway import NOT_TAKEN, OWNED, pack_business
from marketplace.privacy.kinds import KINDS, columns_of
from tests import factories as make
from tests.browsing import end_reading
from tests.tracking.report_steps import link, report

ITS_OWN = {"partner_invitations.name", "partner_invitations.email", "partner_invitations.code", "fundings.paid_with",
           "reports.code", "reports.link_code", "reports.payload", "referral_links.spoken"}


@pytest.mark.once
def test_every_table_of_businesses_is_taken_or_says_why_not():
    assert [name for name, table in Base.metadata.tables.items()
            if "business_id" in table.c and name not in OWNED and name not in NOT_TAKEN] == []
    assert not OWNED.keys() & NOT_TAKEN.keys()


@pytest.mark.once
def test_no_column_of_it_holds_a_persons_data_but_what_the_business_brought():
    personal = {f"{table}.{column}" for table, columns in columns_of(*KINDS).items() for column in columns}
    assert {f"{table}.{column}" for table, columns in OWNED.items() for column in columns.split()} & personal == ITS_OWN


def test_it_holds_the_businesss_rows_and_no_others(app, as_user):
    ours, theirs = make.make_bounty(is_live=True), make.make_bounty(make.make_business(make.make_user("Olga"), "Eastside"), is_live=True)
    ana = make.make_user()
    for bounty in (ours, theirs):
        report(bounty.business, code=link(bounty, ana).spoken, external_id=f"=order {bounty.id[-4:]}", customer="c1")
    end_reading()
    wes = make.owner_of(ours.business)
    answer = as_user(wes).submit(f"/businesses/{ours.business.id}/takeaway", press="Make the file")
    assert answer.mimetype == "application/zip"
    packed = zipfile.ZipFile(io.BytesIO(answer.data))
    assert packed.testzip() is None
    assert {name.rpartition(".")[0] for name in packed.namelist()} == {"READ-ME", *OWNED}
    rows = {name: [json.loads(line) for line in packed.read(f"{name}.jsonl").splitlines()] for name in OWNED}
    assert [one["id"] for one in rows["bounties"]] == [ours.id]
    assert {len(rows[name]) for name in ("reports", "conversions", "rewards", "leads", "terms", "referral_links", "fundings")} == {1}
    assert theirs.business.id not in answer.data.decode("latin1") and "Eastside" not in str(rows)
    sheet = list(csv.reader(io.StringIO(packed.read("conversions.csv").decode("utf-8-sig"))))
    assert sheet[1][sheet[0].index("external_id")] == f"'=order {ours.id[-4:]}"
    assert db.session.query(audit.AuditEvent).filter_by(action="business.exported", subject_id=ours.business.id).count() == 1


def test_it_is_made_while_it_is_sent(app, monkeypatch):
    monkeypatch.setattr("marketplace.privacy.business_takeaway.AT_ONCE", 2)
    bounty = make.make_bounty(funded_for=5, is_live=True)
    code = link(bounty, make.make_user()).spoken
    for number in range(5):
        report(bounty.business, code=code, external_id=str(number), customer=str(number))
    end_reading()
    pieces = list(pack_business(bounty.business_id, "Westside"))
    assert len(pieces) > 5
    packed = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert [json.loads(line)["external_id"] for line in packed.read("reports.jsonl").splitlines()] == list("01234")


def test_only_owners_take_it(app, as_user):
    bounty = make.make_bounty()
    for person in (make.make_member(bounty.business, MemberRole.MANAGER), make.make_user("Mona", is_admin=True)):
        assert as_user(person).get(f"/businesses/{bounty.business_id}/takeaway").status_code == 403
