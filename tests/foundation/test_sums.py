"""Sums of money in running text."""
from decimal import Decimal

import pytest

from marketplace.foundation.money import Money
from marketplace.foundation.sums import find_sums

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("text", "found"), [
    ("about $24,000 or so", (24_000, "usd")), ("15.000 € maximal", (15_000, "eur")), ("8 000 € maxi", (8_000, "eur")),
    ("£300.50", (Decimal("300.50"), "gbp")), ("under 14k", (14_000, None)), ("ten grand", (10_000, None)),
    ("max. 20 tsd euro", (20_000, "eur")), ("6.000€", (6_000, "eur")), ("chf 1'200", (1_200, "chf")),
    ("kwd 12.5", (Decimal("12.5"), "kwd")), ("4,5 euro", (Decimal("4.5"), "eur")), ("in 2019", (2_019, None)),
])
def test_a_sum_is_read_as_people_write_it(text, found):
    first = next(find_sums(text))
    assert (first.main, first.currency) == found
    assert text[first.start:first.end].strip()


def test_what_is_no_sum_is_left_alone_and_what_is_too_large_is_no_money():
    assert list(find_sums("mk7, a4, ten of us, b2b, 1,2,3")) == [] or all(one.currency is None for one in find_sums("1,2,3"))
    assert next(find_sums("$24,000")).money("usd") == Money(2_400_000, "usd")
    assert next(find_sums("$9,000,000")).money("usd") is next(find_sums("5")).money("xxx") is None
