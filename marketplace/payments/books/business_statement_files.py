"""A business's monthly statement as files: a table for a spreadsheet, a PDF for its bookkeeper."""
from collections.abc import Iterator

from marketplace.foundation import clock
from marketplace.foundation.money import Money, plain_amount, show_money
from marketplace.foundation.sheets import write_sheet
from marketplace.identity.models import Business
from marketplace.payments.books.business_statements import BusinessStatement, Part
from marketplace.payments.books.statements_drawn import Statement, Table, draw_statement
from marketplace.payments.models import AccountKind

PART_WORDS = {
    Part.FUNDED: "Paid in", Part.REWARDS: "Spent on rewards", Part.FEES: "Platform fees",
    Part.TAKEN_BACK: "Taken back from rewards", Part.REFUNDS: "Refunded to you", Part.CHARGEBACKS: "Chargebacks",
    Part.OTHER: "Other",
}
KEPT_WORDS = {
    AccountKind.FUNDS: "Free", AccountKind.RESERVED: "Reserved for leads",
    AccountKind.HELD: "Rewards and fees in their return period",
}
ABOUT_WORDS = {"fund": "payment", "frozen": "chargeback"}
HEADING = ("time", "kind", "currency", "amount", "balance", "about", "entry")
NOTES = (
    ("The balance is what we keep for your bounties: free, reserved for leads, and rewards in their return period. A "
     "reward counts as spent when its return period is over."),
    "Every line is an entry of our ledger. Days are counted in UTC.")


def write_csv(statement: BusinessStatement) -> str:
    """Opening balance, a line for each entry with the balance after it, closing balance. Figures are plain."""
    return write_sheet(HEADING, _sheet(statement))


def _sheet(statement: BusinessStatement) -> Iterator[tuple[str, ...]]:
    currency, balance = statement.currency.upper(), statement.opening
    yield ("", "opening_balance", currency, "", plain_amount(balance), "", "")
    for line in statement.lines:
        balance += line.amount
        yield (line.at.isoformat(timespec="seconds"), line.part.value, currency, plain_amount(line.amount),
               plain_amount(balance), line.about, line.entry_id)
    yield ("", "closing_balance", currency, "", plain_amount(statement.closing), "", "")


def draw_pdf(statement: BusinessStatement, business: Business) -> bytes:
    until = f", as of {clock.now():%-d %B %Y}" if statement.is_running else ""
    return draw_statement(Statement(
        title="Statement of your bounties’ money",
        period=f"{statement.month:%B %Y}, {statement.currency.upper()}{until}",
        parties=[("For", [business.name, *([business.place] if business.place else [])]), ("From", ["Fingerpost"])],
        tables=list(_tables(statement)), made_at=clock.now(), notes=NOTES))


def _tables(statement: BusinessStatement) -> Iterator[Table]:
    yield Table(
        [("", False), ("Amount", True)],
        [("Opening balance", _plain(statement.opening)),
         *((PART_WORDS[part], _plain(amount)) for part, amount in statement.parts)],
        title="Summary", total=("Closing balance", _plain(statement.closing)))
    yield Table([("", False), ("Amount", True)],
                [(KEPT_WORDS[kind], _plain(amount)) for kind, amount in statement.kept.items()],
                title="What the closing balance is made of", total=("Together", _plain(statement.closing)))
    yield Table([("Day", False), ("What", False), ("About", False), ("Amount", True)],
                [(f"{line.at:%-d %b %Y}", PART_WORDS[line.part], about_in_words(line.about), _plain(line.amount))
                 for line in statement.lines], title="Line by line")


def _plain(amount: Money) -> str:
    return show_money(amount, exact=True).replace("\xa0", " ")


def about_in_words(some_id: str) -> str:
    """What a line is about, with the end of its id: the CSV file has the whole of it."""
    kind = some_id.partition("_")[0]
    return f"{ABOUT_WORDS.get(kind, kind).capitalize()} …{some_id[-6:]}"
