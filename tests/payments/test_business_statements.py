"""A business's month, line by line from the ledger: opening balance and lines add up to the closing balance, to the cent."""
import csv
import io
from datetime import UTC, date, datetime

import pytest
from lxml import html

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import NotFound
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.books import business_statement_files as files
from marketplace.payments.books import statement_pdf, statements_drawn
from marketplace.payments.books.business_statements import Part, months_of, part_of, read_statement
from marketplace.payments.disputes.unmatched import assign_to_bounty
from marketplace.payments.models import AccountKind
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.rewards import release_reward
from tests.browsing import end_reading, words_of
from tests.factories import (
    accept,
    consent,
    fund_bounty,
    make_bounty,
    make_business,
    make_lead,
    make_user,
    owner_of,
    win,
)
from tests.payments.money_steps import pay_in_otherwise

K = AccountKind
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def usd(whole):
    return Money(whole * 100, "usd")


@pytest.fixture
def lived(app, later):
    """Funded for 4 leads, one of them won and half refunded by its buyer after the release, one still reserved."""
    business = make_business(name='=Westside, "Auto"')
    bounty = make_bounty(business, is_live=True, funded_for=4)
    other = make_bounty(make_business(make_user("Pete Moss"), name="Eastside"), is_live=True, funded_for=2)
    accept(make_lead(other))
    accept(make_lead(bounty))
    sold = consent(accept(make_lead(bounty)))
    win(sold)
    later(days=31)
    (reward,) = rewards_of_lead(sold)
    with transaction():
        release_reward(reward.id)
    with transaction():
        refund_sale(sold, by=owner_of(business), amount=Money(1_500_000, "usd"), refund_number="R-1")
        refund_free_funds(bounty.id, "usd", by="system")
    end_reading()
    return bounty


def test_lines_add_up_from_the_opening_to_the_closing_balance(lived):
    november = read_statement(lived.business_id, "usd", NOVEMBER)
    december = read_statement(lived.business_id, "usd", DECEMBER)
    assert (november.opening, november.closing) == (usd(0), usd(4200))
    assert november.parts == [(Part.FUNDED, usd(4200))]
    assert december.opening == november.closing
    assert december.parts == [(Part.REWARDS, usd(-1000)), (Part.FEES, usd(-25)), (Part.TAKEN_BACK, usd(500)),
                              (Part.REFUNDS, usd(-2625))]
    for statement in (november, december):
        assert statement.opening.minor + sum(line.amount.minor for line in statement.lines) == statement.closing.minor


def test_the_closing_balance_is_what_the_ledger_keeps(lived):
    statement = read_statement(lived.business_id, "usd", DECEMBER)
    assert statement.closing == usd(1050)
    assert statement.kept == {K.FUNDS: usd(0), K.RESERVED: usd(1050), K.HELD: usd(0)}
    assert ledger.find_balance(K.FUNDS, lived.id, "usd") == statement.kept[K.FUNDS]


def test_a_reward_in_its_return_period_is_not_spent_yet(app):
    bounty = make_bounty(is_live=True, funded_for=1)
    win(consent(accept(make_lead(bounty))))
    end_reading()
    statement = read_statement(bounty.business_id, "usd", NOVEMBER)
    assert statement.parts == [(Part.FUNDED, usd(1050))]
    assert statement.kept == {K.FUNDS: usd(0), K.RESERVED: usd(0), K.HELD: usd(1050)}


def test_currencies_stand_apart(app):
    business = make_business()
    make_bounty(business, funded_for=1)
    fund_bounty(make_bounty(business, currency="jpy"))
    end_reading()
    assert [currency for currency, _ in months_of(business.id)] == ["jpy", "usd"]
    assert read_statement(business.id, "usd", NOVEMBER).closing == usd(1050)
    assert read_statement(business.id, "jpy", NOVEMBER).closing == Money(105_000, "jpy")


def test_a_month_begins_at_its_first_moment_in_utc(app, clock):
    clock.move(datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC) - clock())
    bounty = make_bounty(funded_for=1)
    clock.move(datetime(2026, 12, 1, tzinfo=UTC) - clock())
    fund_bounty(bounty, leads=2)
    end_reading()
    assert [months_of(bounty.business_id)[0][1]] == [[DECEMBER, NOVEMBER]]
    assert read_statement(bounty.business_id, "usd", NOVEMBER).closing == usd(1050)
    december = read_statement(bounty.business_id, "usd", DECEMBER)
    assert (december.opening, december.closing) == (usd(1050), usd(3150))


def test_a_payment_that_an_admin_gave_to_its_bounty_was_paid_in(stripe, wes, westside):
    parked, mona = pay_in_otherwise(stripe, wes, usd(500), amount_total=400_00), make_user("Mona Lind", is_admin=True)
    with transaction():
        assign_to_bounty(parked.id, by=mona)
    end_reading()
    statement = read_statement(westside.id, "usd", NOVEMBER)
    assert (statement.parts, statement.closing) == ([(Part.FUNDED, usd(400))], usd(400))


@pytest.mark.once
@pytest.mark.parametrize(("entry", "other_side", "came_in", "part"), [
    ("funding", K.CLEARING, True, Part.FUNDED), ("refund_failed", K.CLEARING, True, Part.REFUNDS),
    ("reversal_done", K.CLEARING, True, Part.TAKEN_BACK), ("take_back", K.PAYABLE, True, Part.TAKEN_BACK),
    ("reward_released", K.PAYABLE, False, Part.REWARDS), ("clawback_fee", K.PLATFORM_FEES, True, Part.FEES),
    ("chargeback", K.DISPUTED, False, Part.CHARGEBACKS), ("anything", K.BANK, False, Part.OTHER),
])
def test_where_money_went_says_what_it_was(entry, other_side, came_in, part):
    assert part_of(entry, other_side, came_in=came_in) is part


def test_the_csv_has_every_line_with_the_balance_after_it(lived, as_user):
    answer = as_user(owner_of(lived.business)).get(f"/businesses/{lived.business_id}/statements/usd/2026-12/csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="fingerpost-2026-12-usd.csv"'
    heading, *rows = csv.reader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff")))
    assert heading == list(files.HEADING)
    assert [(row[1], row[3], row[4]) for row in rows] == [
        ("opening_balance", "", "4200.00"), ("rewards", "-1000.00", "3200.00"), ("fees", "-50.00", "3150.00"),
        ("fees", "25.00", "3175.00"), ("taken_back", "500.00", "3675.00"), ("refunds", "-2625.00", "1050.00"),
        ("closing_balance", "", "1050.00")]


def test_the_pdf_is_one_also_for_a_name_that_a_sheet_would_run(lived, as_user):
    answer = as_user(owner_of(lived.business)).get(f"/businesses/{lived.business_id}/statements/usd/2026-12/pdf")
    assert answer.content_type == "application/pdf" and answer.data.startswith(b"%PDF-")


@pytest.mark.once
def test_letters_whose_font_is_not_installed_are_said_so_instead_of_being_left_out(monkeypatch):
    monkeypatch.setattr(statement_pdf, "MORE_FONTS", ((0x10A0, 0x10FF, "fonts_of_nobody", "Georgian.ttf"),))
    with pytest.raises(FileNotFoundError, match="fonts_of_nobody is not installed"):
        statements_drawn.draw_statement(statements_drawn.Statement(
            "ანგარიში", "November 2026", parties=(), tables=(), made_at=datetime(2026, 12, 1, tzinfo=UTC)))


def test_the_page_says_the_same_and_the_list_leads_to_it(lived, as_user):
    browser = as_user(owner_of(lived.business))
    links = browser.page(f"/businesses/{lived.business_id}/statements").xpath("//a/@href")
    assert {f"/businesses/{lived.business_id}/statements/usd/2026-{month}" for month in ("11", "12")} <= set(links)
    page = browser.page(f"/businesses/{lived.business_id}/statements/usd/2026-12")
    said = words_of(page)
    for words in ("Opening balance $4,200.00", "Spent on rewards -$1,000.00", "Refunded to you -$2,625.00",
                  "Closing balance $1,050.00", "Reserved for leads $1,050.00"):
        assert words in said, said
    assert "Refund …" in said and "refund_" not in said, "an id where a word would do"
    assert page.xpath("//nav//a[@aria-current]/@href")[0] == f"/businesses/{lived.business_id}/fundings"


def test_months_and_currencies_without_a_statement_are_not_found(lived, as_user):
    browser = as_user(owner_of(lived.business))
    for asked in ("usd/2026-10", "usd/2027-01", "eur/2026-11", "usd/2026-13", "usd/nonsense", "usd/2026-1"):
        assert browser.get(f"/businesses/{lived.business_id}/statements/{asked}").status_code == 404, asked


def test_before_the_first_payment_there_is_none(app, as_user):
    business = make_business()
    page = as_user(owner_of(business)).page(f"/businesses/{business.id}/statements")
    assert "No statement yet" in html.tostring(page, encoding="unicode")
    with pytest.raises(NotFound):
        read_statement(business.id, "usd", NOVEMBER)
