"""Money is a whole number of the currency's smallest unit, as Stripe counts it. Never a float."""
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Self

from babel.numbers import format_currency

from marketplace.foundation.errors import Invalid


@dataclass(frozen=True)
class Currency:
    """What Stripe asks of amounts (docs.stripe.com/currencies), in smallest units.

    ``digits`` stand after the point. ``charge_step``: what is charged, refunded or shared out is a multiple of it.
    ``transfer_step``: what is transferred is, so that a bank payout leaves no rest. ``least`` is charged at the least:
    about ten times Stripe's own minimum, so that its fee stays small beside it.
    """

    digits: int
    least: int
    charge_step: int = 1
    transfer_step: int = 1


# Every currency that money is handled in, and all that is particular to one.
CURRENCIES = {
    "usd": Currency(2, least=5_00), "eur": Currency(2, least=5_00), "gbp": Currency(2, least=5_00),
    "cad": Currency(2, least=5_00), "chf": Currency(2, least=5_00), "jpy": Currency(0, least=500),
    # Two decimals when charged, none when paid out to a bank.
    "huf": Currency(2, least=2_000_00, transfer_step=100),
    # Three decimals, the last of which must be 0 in every call.
    "kwd": Currency(3, least=1_500, charge_step=10, transfer_step=10),
}
TWO_DIGITS = Currency(2, least=0)
BASIS = 10_000  # Basis points in a whole.
LARGEST_MINOR = 99_999_999  # Stripe takes at most eight digits in one charge.


class BadAmount(Invalid):
    code = "bad_amount"


@dataclass(frozen=True, order=False)
class Money:
    """``minor`` smallest units of ``currency`` (lower-case ISO code). Currencies never mix."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money takes whole numbers, not {self.minor!r}")

    def __add__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.minor + other.minor, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.currency)

    def __sub__(self, other: Self) -> Self:
        return self + -other

    def __lt__(self, other: Self) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Self) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __gt__(self, other: Self) -> bool:
        return other < self

    def __ge__(self, other: Self) -> bool:
        return other <= self

    def share(self, basis_points: int) -> Self:
        """The given share, rounded down; the caller names who gets the rest."""
        return self.part(basis_points, BASIS)

    def part(self, numerator: int, denominator: int) -> Self:
        """``numerator/denominator`` of it, rounded down to what can be charged and refunded."""
        step = _rules(self.currency).charge_step
        return type(self)(self.minor * numerator // (denominator * step) * step, self.currency)

    def _same(self, other: Self) -> None:
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} and {self.currency} do not mix")


def zero(currency: str) -> Money:
    return Money(0, currency)


def main_units(number: int, currency: str) -> Money:
    """``10`` of usd as $10.00, of jpy as ¥10, of kwd as 10.000."""
    return Money(number * 10 ** _rules(currency).digits, currency)


def whole_part(amount: Money) -> Money:
    """As much of ``amount``, not below zero, as one transfer can carry; the rest waits for the next one."""
    return Money(amount.minor - amount.minor % _rules(amount.currency).transfer_step, amount.currency)


def refuse_odd(amount: Money) -> None:
    """BadAmount where Stripe would refuse to charge ``amount`` for its last digit."""
    step = _rules(amount.currency).charge_step
    if amount.minor % step:
        below = Money(amount.minor - amount.minor % step, amount.currency)
        raise BadAmount(f"{amount.currency.upper()} is paid in steps of {plain_amount(Money(step, amount.currency))}.",
                        next_step=f"Write {plain_amount(below)}, for example.")


def _rules(currency: str) -> Currency:
    """Of a currency we do not offer, too: old rows and Stripe's own amounts must be readable."""
    return CURRENCIES.get(currency, TWO_DIGITS)


@lru_cache(maxsize=4096)  # Babel takes a tenth of a page of amounts (make bench).
def show_money(money: Money, locale: str = "en_US", *, exact: bool = False) -> str:
    """For people: ``$1,000.50``; whole amounts without the empty decimals, unless ``exact``, for columns of figures."""
    digits = _rules(money.currency).digits
    amount = Decimal(money.minor).scaleb(-digits)
    text = format_currency(amount, money.currency.upper(), locale=locale, currency_digits=True)
    return text.removesuffix("." + "0" * digits) if digits and not exact else text


def plain_amount(money: Money) -> str:
    """For programs and form fields: ``1000.00``, in the currency's main unit."""
    digits = _rules(money.currency).digits
    return f"{Decimal(money.minor).scaleb(-digits):.{digits}f}"


def parse_amount(text: str, currency: str) -> Money:
    """What a person typed (``1,000.50``, ``1000``) as Money; BadAmount says how to write it."""
    if currency not in CURRENCIES:
        raise BadAmount(f"We do not handle {currency.upper()} yet.", next_step="Choose a currency from the list.")
    digits = CURRENCIES[currency].digits
    cleaned = re.sub(r"[\s_$€£¥]", "", text)
    if not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?", cleaned, re.ASCII):
        raise BadAmount("Write the amount in figures, like 1000 or 1,000.50.")
    whole, _, decimals = cleaned.replace(",", "").partition(".")
    if len(decimals) > digits:
        raise BadAmount(f"{currency.upper()} has {f'{digits} decimals at most' if digits else 'no decimals'}. "
                        "Thousands are parted by a comma, or by nothing: 12,000 or 12000.")
    figures = (whole + decimals.ljust(digits, "0")).lstrip("0")
    if len(figures) > len(str(LARGEST_MINOR)):  # Beyond thousands of digits int() itself gives up.
        raise BadAmount(f"The most we can handle at once is {show_money(Money(LARGEST_MINOR, currency))}.")
    return Money(int(figures or "0"), currency)
