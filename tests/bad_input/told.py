"""What a shop, a buyer and a file told: one of each that a form about conversions still wants an answer to."""
import io

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.models import ConversionSource, Lead
from marketplace.tracking.buyers_word import say_bought
from marketplace.tracking.click_ids import sign_click
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.links import link_of
from marketplace.tracking.models import ReportKind, Upload, UploadPurpose
from marketplace.tracking.reported import Reported
from marketplace.tracking.uploads.chunks import check_upload
from marketplace.tracking.uploads.receiving import keep_upload, receive
from marketplace.tracking.uploads.starting import begin_check
from tests import factories as make

PRICE = Money(3_000_000, "usd")
FILE = b"id,date,amount\nF-1,2026-11-02,5\nF-2,2026-11-02,7\n"


def what_was_told(business: Business, ana: User) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """For a route, the names that its address wants; and the names that bodies want."""
    bounty = make.make_bounty(business, is_live=True, funded_for=5)
    wes, ned = make.owner_of(business), make.make_user("Ned Ray")
    said, silent = (make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"told{number}@example.com")
                    for number in range(2))
    with transaction():
        own, other = link_of(bounty, by=ana), link_of(bounty, by=ned)
        word = say_bought(db.session.get_one(Lead, said.id), amount=PRICE, bought_on=clock.now().date(), is_proven=True).id
    counted = _sold(bounty, wes, "order-counted", click=sign_click(own.code, clock.now(), "visitor-of-test1"))
    _sold(bounty, wes, "order-of-nobody")
    upload = {"upload_id": _checked_file(business, wes)}
    return {
        "POST /conversions/<report_id>/denial": {"report_id": word},
        "POST /conversions/<report_id>/confirmation": {"report_id": word},
        "POST /conversions/<report_id>/reattribution": {"report_id": counted},
        "GET /conversions/<report_id>": {"report_id": counted},
        "POST /bought/<purpose>/<token>": {"purpose": MAILED, "token": buyer_link(silent, MAILED).rsplit("/", 1)[1]},
        "POST /links/<link_id>/claims/new": {"link_id": own.id},
        "POST /uploads/<upload_id>/taking": upload, "POST /uploads/<upload_id>/columns": upload,
    }, {"other_code": other.spoken, "order_of_nobody": "order-of-nobody", "today": clock.now().date().isoformat()}


def _sold(bounty: Bounty, owner: User, order: str, *, click: str | None = None) -> str:
    with transaction():
        said = Reported(external_id=order, kind=ReportKind.SALE, amount=PRICE, customer=f"customer of {order}", click=click)
        return take_conversion(bounty.business, said, source=ConversionSource.MANUAL, by=owner).report.id


def _checked_file(business: Business, owner: User) -> str:
    with receive(io.BytesIO(FILE)) as received, transaction():
        upload = keep_upload(business, received, purpose=UploadPurpose.CONVERSIONS, file_name="more.csv", by=owner)
    with transaction():
        begin_check(db.session.get_one(Upload, upload.id), columns={"external_id": 0, "day": 1, "amount": 2},
                    choices={"days": "ymd", "decimals": "point", "currency": "usd"}, by=owner)
    with transaction():
        check_upload(upload.id, "0")
    return upload.id
