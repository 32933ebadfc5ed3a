"""Money is a whole number of the currency's smallest unit, as Stripe counts it. Never a float."""
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Self

from babel.numbers import format_currency

from marketplace.foundation.errors import Invalid

# Digits after the point, as Stripe writes amounts (docs.stripe.com/currencies).
CURRENCIES = {"usd": 2, "eur": 2, "gbp": 2, "cad": 2, "chf": 2, "jpy": 0}
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
        return type(self)(self.minor * basis_points // BASIS, self.currency)

    def part(self, numerator: int, denominator: int) -> Self:
        """``numerator/denominator`` of it, rounded down."""
        return type(self)(self.minor * numerator // denominator, self.currency)

    def _same(self, other: Self) -> None:
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} and {self.currency} do not mix")


def zero(currency: str) -> Money:
    return Money(0, currency)


@lru_cache(maxsize=4096)  # Babel takes a tenth of a page of amounts (make bench).
def show_money(money: Money, locale: str = "en_US") -> str:
    """For people: ``$1,000.00``; whole amounts without the empty decimals."""
    digits = CURRENCIES.get(money.currency, 2)
    amount = Decimal(money.minor).scaleb(-digits)
    text = format_currency(amount, money.currency.upper(), locale=locale, currency_digits=True)
    return text.removesuffix(".00")


def plain_amount(money: Money) -> str:
    """For programs and form fields: ``1000.00``, in the currency's main unit."""
    digits = CURRENCIES.get(money.currency, 2)
    return f"{Decimal(money.minor).scaleb(-digits):.{digits}f}"


def parse_amount(text: str, currency: str) -> Money:
    """What a person typed (``1,000.50``, ``1000``) as Money; BadAmount says how to write it."""
    digits = CURRENCIES.get(currency)
    if digits is None:
        raise BadAmount(f"We do not handle {currency.upper()} yet.", next_step="Choose a currency from the list.")
    cleaned = re.sub(r"[\s_$€£¥]", "", text)
    if not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?", cleaned, re.ASCII):
        raise BadAmount("Write the amount in figures, like 1000 or 1,000.50.")
    whole, _, decimals = cleaned.replace(",", "").partition(".")
    if len(decimals) > digits:
        raise BadAmount(f"{currency.upper()} has {digits} decimals at most." if digits else
                        f"{currency.upper()} has no decimals.")
    figures = (whole + decimals.ljust(digits, "0")).lstrip("0")
    if len(figures) > len(str(LARGEST_MINOR)):  # Beyond thousands of digits int() itself gives up.
        raise BadAmount(f"The most we can handle at once is {show_money(Money(LARGEST_MINOR, currency))}.")
    return Money(int(figures or "0"), currency)
