"""The yearly statement of a person who is paid: equal to the ledger to the cent, on a page, as CSV and as PDF."""
import csv
import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import do_now
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.books.statements_drawn import Statement, Table, draw_statement
from marketplace.payments.models import AccountKind, LedgerAccount, LedgerEntry, Posting, Transfer
from marketplace.payments.money_in.funding import CHECK_FUNDING, OPEN_CHECKOUT, request_funding
from marketplace.payments.money_out import transfers
from marketplace.payments.money_out.statement_files import write_csv
from marketplace.payments.money_out.statements import statement_of, years_of
from tests.browsing import words_of
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import make_ready, owe, take_back
from tests.payments.money_steps import usd as dollars


def money(minor: int, currency: str = "usd") -> Money:
    return Money(minor, currency)


def fund(stripe, by: User, amount: Money, purpose: str) -> None:
    with transaction():
        funding = request_funding(by.memberships[0].business_id, purpose, amount, by=by)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    stripe.control.pay_checkout(db.session.get_one(type(funding), funding.id).checkout_session_id)
    do_now(CHECK_FUNDING, funding_id=funding.id)


@pytest.fixture
def eastside(keep_row) -> Business:
    return keep_row("eastside", lambda: make_business(make_user("Pete Moss"), name='=Eastside; "Autos"'))


@pytest.fixture
def pay(stripe, ana, work, later):
    """``pay(business, amount, reference)``: owed and sent, now."""
    def send(business: Business, amount: Money, reference: str) -> Transfer:
        owe(ana, business.id, amount, reference, purpose=f"bounty_{business.id}_{amount.currency}")
        with transaction():
            transfers.request_transfers(ana.id)
        work()
        (sent,) = db.session.scalars(select(Transfer).order_by(Transfer.id.desc()).limit(1))
        assert sent.stripe_transfer_id
        return sent
    return send


@pytest.fixture
def two_years(stripe, ana, westside, eastside, later, work, pay, clock, keep) -> None:
    """From November 2026 to January 2027, two businesses, two currencies, one part taken back a year later."""
    keep("two years", lambda: live_two_years(stripe, ana, westside, eastside, later, work, pay, clock))


def live_two_years(stripe, ana, westside, eastside, later, work, pay, clock) -> None:
    for business in (westside, eastside):
        fund(stripe, owner_of(business), dollars(5000), f"bounty_{business.id}_usd")
    fund(stripe, owner_of(westside), money(9_000_000, "huf"), f"bounty_{westside.id}_huf")
    later(days=10)
    make_ready(stripe, ana)
    pay(westside, dollars(1000), "r1")
    pay(westside, money(1_234_567, "huf"), "r2")
    pay(eastside, money(33_33), "r3")
    later(days=25)
    pay(westside, money(250_01), "r4")
    clock.move(datetime(2027, 1, 3, tzinfo=UTC) - clock())
    pay(westside, dollars(70), "r5")
    take_back("r1", money(333_33), "c1", purpose=f"bounty_{westside.id}_usd")
    work()


def test_a_year_is_told_by_currency_business_and_month_and_so_is_its_file(two_years, ana, westside, eastside):
    huf, usd = statement_of(ana.id, 2026).currencies
    assert (huf.currency, huf.gross, huf.taken_back) == ("huf", money(1_234_500, "huf"), money(0, "huf"))
    assert (usd.gross, usd.taken_back, usd.net) == (money(1283_34), money(0), money(1283_34))
    assert [(part.business_id, part.net.minor, [(line.month, line.net.minor) for line in part.months])
            for part in usd.businesses] == [
        (eastside.id, 33_33, [(11, 33_33)]), (westside.id, 1250_01, [(11, 1000_00), (12, 250_01)])]
    (usd,) = statement_of(ana.id, 2027).currencies
    assert (usd.gross, usd.taken_back, usd.net) == (dollars(70), money(333_33), -money(263_33))
    assert years_of(ana.id) == [2027, 2026]
    written = write_csv(statement_of(ana.id, 2026))
    heading, *rows = csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline=""))
    assert heading == ["year", "month", "currency", "business", "gross", "taken_back", "net"]
    assert rows == [
        ["2026", "11", "HUF", "Westside Auto", "12345.00", "0.00", "12345.00"],
        ["2026", "11", "USD", "'=Eastside; \"Autos\"", "33.33", "0.00", "33.33"],
        ["2026", "11", "USD", "Westside Auto", "1000.00", "0.00", "1000.00"],
        ["2026", "12", "USD", "Westside Auto", "250.01", "0.00", "250.01"]]
    assert ["2027", "01", "USD", "Westside Auto", "70.00", "333.33", "-263.33"] in list(
        csv.reader(io.StringIO(write_csv(statement_of(ana.id, 2027)))))


def test_all_years_together_are_the_ledger_and_the_transfers_to_the_cent(two_years, ana):
    statements = [statement_of(ana.id, year) for year in years_of(ana.id)]
    for currency in ("usd", "huf"):
        parts = [part for one in statements for part in one.currencies if part.currency == currency]
        gross = sum(part.gross.minor for part in parts)
        taken_back = sum(part.taken_back.minor for part in parts)
        sent, reversed_minor = db.session.execute(
            select(func.sum(Transfer.amount_minor), func.sum(Transfer.reversed_minor))
            .where(Transfer.payee_id == ana.id, Transfer.currency == currency)).one()
        assert (gross, taken_back) == (sent, reversed_minor)
        booked = dict(db.session.execute(
            select(LedgerEntry.kind, func.sum(Posting.amount_minor)).join(Posting, Posting.entry_id == LedgerEntry.id)
            .join(LedgerAccount, LedgerAccount.id == Posting.account_id)
            .where(LedgerAccount.kind == AccountKind.CLEARING, LedgerAccount.currency == currency,
                   LedgerEntry.kind.in_(("transfer_sent", "reversal_done")))
            .group_by(LedgerEntry.kind)).all())
        assert (gross, taken_back) == (booked["transfer_sent"], -booked.get("reversal_done", 0))
        for part in parts:
            for sums in (part, *part.businesses):
                smaller = part.businesses if sums is part else sums.months
                assert sums.gross.minor == sum(one.gross.minor for one in smaller)
                assert sums.taken_back.minor == sum(one.taken_back.minor for one in smaller)
                assert sums.net == sums.gross - sums.taken_back


def test_what_others_were_sent_is_on_theirs(stripe, ana, westside, later, work, pay):
    fund(stripe, owner_of(westside), dollars(500), f"bounty_{westside.id}_usd")
    later(days=10)
    bea = make_user("Bea Other")
    make_ready(stripe, ana)
    make_ready(stripe, bea)
    owe(bea, westside.id, dollars(30), "r9", purpose=f"bounty_{westside.id}_usd")
    with transaction():
        transfers.request_transfers(bea.id)
    work()
    pay(westside, dollars(20), "r1")
    assert [[part.gross for part in statement_of(person.id, 2026).currencies] for person in (ana, bea)] == [
        [dollars(20)], [dollars(30)]]


def test_what_was_never_sent_is_on_no_statement(stripe, ana, westside, later):
    fund(stripe, owner_of(westside), dollars(100), "bounty_1")
    owe(ana, westside.id, dollars(50), purpose="bounty_1")
    assert statement_of(ana.id, 2026).currencies == [] and years_of(ana.id) == [2026]


def test_the_page_and_both_files_are_the_persons_own_and_the_admins(two_years, ana, as_user, anonymous):
    address = f"/people/{ana.id}/statements"
    admin = make_user("Mona Lind", is_admin=True)
    for browser in (as_user(ana), as_user(admin)):
        words = words_of(browser.page(f"{address}?year=2026"))
        assert "$1,283.34" in words and "HUF12,345" in words.replace("\xa0", "") and "Westside Auto" in words
        got = browser.get(f"{address}.csv?year=2026")
        assert got.headers["Content-Disposition"] == 'attachment; filename="fingerpost-2026.csv"'
        assert "1000.00" in got.text and got.content_type == "text/csv; charset=utf-8"
        got = browser.get(f"{address}.pdf?year=2026")
        assert got.data.startswith(b"%PDF-") and got.content_type == "application/pdf"
    other = as_user(make_user())
    for ending in ("", ".csv", ".pdf"):
        assert other.get(f"{address}{ending}").status_code == 404
        assert as_user(ana).get(f"/people/user_none/statements{ending}").status_code == 404
        assert anonymous.get(f"{address}{ending}").status_code == 302


def test_a_year_is_chosen_from_those_there_are(two_years, ana, as_user):
    browser = as_user(ana)
    page = browser.page(f"/people/{ana.id}/statements")
    years = [link.text for link in page.xpath("//nav[@aria-label='Year']/a")]
    assert years == ["2027", "2026"] and "What you were paid in 2027" in words_of(page)
    assert "may come" in words_of(page) and "may come" not in words_of(browser.page(f"/people/{ana.id}/statements?year=2026"))
    for year in ("2025", "2028", "26", "x", "٢٠٢٦", "2026'"):
        assert browser.get(f"/people/{ana.id}/statements", query_string={"year": year}).status_code == 404
    assert "Statement of the year" in words_of(browser.page("/payouts"))


def test_an_empty_year_says_so(ana, as_user):
    assert "Nothing was sent in this year" in words_of(as_user(ana).page(f"/people/{ana.id}/statements"))
    assert as_user(ana).get(f"/people/{ana.id}/statements.pdf").data.startswith(b"%PDF-")


def test_drawings_are_asked_for_more_rarely_than_pages(ana, as_user):
    browser = as_user(ana)
    answers = [browser.get(f"/people/{ana.id}/statements.pdf").status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    assert browser.get(f"/people/{ana.id}/statements").status_code == 200


def test_no_tax_number_is_kept_anywhere(app):
    columns = {column.name for table in db.metadata.tables.values() for column in table.columns}
    assert not [name for name in columns if name in {"tin", "ssn"} or "tax" in name]


# --- the PDF itself


NAMES = ["Łukasz Žižek Ştefan", "Γεώργιος", "Дмитрий", "محمد الصباح", "山田太郎", "יוסי", "प्रिया"]


@pytest.mark.once
def test_names_in_any_letters_are_drawn_with_letters_that_exist(caplog):
    table = Table([("Business", False), ("Net", True)], [(name, "$1.00") for name in NAMES], "All", ("Together", "$7.00"))
    with caplog.at_level("WARNING"):
        drawn = draw_statement(Statement(
            "What you were paid", "2026", [("Paid to", NAMES)], [table] * 3, datetime(2026, 11, 2, tzinfo=UTC), ["Note."]))
    assert drawn.startswith(b"%PDF-") and b"/Count 2" in drawn
    assert not [one for one in caplog.records if "glyph" in one.getMessage().lower()]


@pytest.mark.once
def test_a_letter_that_no_font_has_breaks_nothing():
    assert draw_statement(Statement(
        "𒀀", "2026", [], [], datetime(2026, 11, 2, tzinfo=UTC))).startswith(b"%PDF-")


def test_forints_are_sent_whole_and_the_rest_is_stated_with_the_next(stripe, ana, westside, later, pay):
    fund(stripe, owner_of(westside), money(5_000_000, "huf"), f"bounty_{westside.id}_huf")
    later(days=10)
    make_ready(stripe, ana, country="HU")
    assert pay(westside, money(123_456, "huf"), "r1").amount == money(123_400, "huf")
    assert pay(westside, money(200_050, "huf"), "r2").amount == money(200_100, "huf")
    (huf,) = statement_of(ana.id, 2026).currencies
    assert huf.gross == money(323_500, "huf")
    assert ledger.find_balance(AccountKind.IN_TRANSIT, "none", "huf").minor == 0
