"""A person's yearly statement as files: a table for a spreadsheet, a PDF for their papers."""
from calendar import month_name
from collections.abc import Iterator

from marketplace.foundation import clock
from marketplace.foundation.money import Money, plain_amount, show_money
from marketplace.foundation.sheets import write_sheet
from marketplace.identity.models import User
from marketplace.payments.books.statements_drawn import Statement, Table, draw_statement
from marketplace.payments.money_out.statements import Sums, YearStatement

HEADING = ("year", "month", "currency", "business", "gross", "taken_back", "net")
WHAT_IT_SAYS = (
    "Gross is what was transferred to your account at Stripe, on the day it was transferred; taken back is what was "
    "returned because a sale was refunded or reversed, on the day it came back. Days are counted in UTC.")
NO_TAX_NUMBER = "Fingerpost keeps no tax number of yours. Where the law asks for a tax form, Stripe writes it."


def write_csv(statement: YearStatement) -> str:
    """A line for each month, business and currency; figures are plain, in the currency's main unit."""
    return write_sheet(HEADING, _lines(statement))


def _lines(statement: YearStatement) -> Iterator[tuple[str, ...]]:
    for part in statement.currencies:
        for business in part.businesses:
            for line in business.months:
                yield (str(statement.year), f"{line.month:02}", part.currency.upper(), business.name,
                       plain_amount(line.gross), plain_amount(line.taken_back), plain_amount(line.net))


def draw_pdf(statement: YearStatement, user: User) -> bytes:
    until = f", as of {clock.now():%-d %B %Y}" if statement.is_running else ""
    return draw_statement(Statement(
        title="What you were paid", period=f"1 January to 31 December {statement.year}{until}",
        parties=[("Paid to", [user.name, user.email]),
                 ("Paid through", ["Fingerpost, for the businesses named below"])],
        tables=list(_tables(statement)) or [Table([("Nothing was sent in this year.", False)], [])],
        made_at=clock.now(), notes=(WHAT_IT_SAYS, NO_TAX_NUMBER)))


def _tables(statement: YearStatement) -> Iterator[Table]:
    columns = [("Month", False), ("Gross", True), ("Taken back", True), ("Net", True)]
    for part in statement.currencies:
        for business in part.businesses:
            yield Table(
                columns, [(month_name[line.month], *_shown(line)) for line in business.months],
                title=f"{business.name}, {part.currency.upper()}", total=("Together", *_shown(business)))
        yield Table(
            [("", False), *columns[1:]], [(business.name, *_shown(business)) for business in part.businesses],
            title=f"All of {statement.year} in {part.currency.upper()}", total=("Together", *_shown(part)))


def _shown(sums: Sums) -> tuple[str, str, str]:
    return _plain(sums.gross), _plain(sums.taken_back), _plain(sums.net)


def _plain(amount: Money) -> str:
    return show_money(amount, exact=True).replace("\xa0", " ")
