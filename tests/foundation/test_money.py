"""Money is whole units of one currency: typed by people, shared to the cent, never mixed and never a float."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.foundation.money import (
    BASIS,
    CURRENCIES,
    LARGEST_MINOR,
    BadAmount,
    Money,
    parse_amount,
    plain_amount,
    show_money,
    zero,
)

pytestmark = pytest.mark.once

minors = st.integers(0, LARGEST_MINOR)
currencies = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(("typed", "currency", "minor"), [
    ("1000", "usd", 100_000), ("1,000.50", "usd", 100_050), ("1000.5", "eur", 100_050), ("$ 1 000", "usd", 100_000),
    ("0.01", "gbp", 1), ("0", "usd", 0), ("000000000000012", "usd", 1200), ("1000", "jpy", 1000), ("999999.99", "usd", LARGEST_MINOR),
])
def test_what_people_type_is_read(typed, currency, minor):
    assert parse_amount(typed, currency) == Money(minor, currency)


@pytest.mark.parametrize("typed", [
    "", " ", "-1", "+1", "1e3", "NaN", "Infinity", "-Infinity", "0x10", "1.", ".5", "1,00", "1,0000", "1.000,50", "1.001", "lots",
    "١٠", "1\x00", "1\n2x", "999999999.99", "1000000.00", "9" * 20, "9" * 5000, "0." + "0" * 5000,
])
def test_what_is_no_amount_is_refused_in_words(typed):
    with pytest.raises(BadAmount) as refused:
        parse_amount(typed, "usd")
    assert "digits for integer" not in refused.value.message and refused.value.message.endswith(".")


def test_a_currency_without_decimals_takes_none_and_an_unknown_one_nothing():
    with pytest.raises(BadAmount, match="JPY has no decimals"):
        parse_amount("10.5", "jpy")
    with pytest.raises(BadAmount, match="We do not handle XXX yet"):
        parse_amount("10", "xxx")


@given(minors, currencies)
def test_what_we_write_we_read_again(minor, currency):
    money = Money(minor, currency)
    assert parse_amount(plain_amount(money), currency) == money


@pytest.mark.parametrize(("money", "shown", "plain"), [
    (Money(100_000, "usd"), "$1,000", "1000.00"), (Money(100_050, "usd"), "$1,000.50", "1000.50"),
    (Money(1000, "jpy"), "¥1,000", "1000"), (Money(-5, "eur"), "-€0.05", "-0.05"), (Money(0, "gbp"), "£0", "0.00"),
])
def test_people_and_programs_read_it(money, shown, plain):
    assert (show_money(money), plain_amount(money)) == (shown, plain)


@given(minors, st.integers(0, BASIS))
def test_a_share_is_rounded_down_and_less_than_a_cent_is_lost(minor, rate):
    share = Money(minor, "usd").share(rate)
    assert 0 <= minor * rate - share.minor * BASIS < BASIS


@given(minors, st.integers(0, 1000), st.integers(1, 1000))
def test_a_part_is_rounded_down(minor, numerator, denominator):
    part = Money(minor, "usd").part(numerator, denominator)
    assert 0 <= minor * numerator - part.minor * denominator < denominator


def test_currencies_never_mix():
    dollar, euro = Money(1, "usd"), Money(1, "eur")
    for mixed in (lambda: dollar + euro, lambda: dollar - euro, lambda: dollar < euro, lambda: dollar <= euro,
                  lambda: dollar > euro, lambda: dollar >= euro):
        with pytest.raises(ValueError, match="do not mix"):
            mixed()
    assert dollar != euro


@pytest.mark.parametrize("minor", [1.0, "1", True, None])
def test_nothing_but_whole_numbers_is_money(minor):
    with pytest.raises(TypeError):
        Money(minor, "usd")


def test_it_adds_up_and_compares():
    assert Money(3, "usd") + Money(4, "usd") - Money(7, "usd") == zero("usd")
    assert -Money(3, "usd") < zero("usd") <= zero("usd") < Money(1, "usd") and Money(2, "usd") >= Money(2, "usd") > Money(1, "usd")
