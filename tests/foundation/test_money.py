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
    main_units,
    parse_amount,
    plain_amount,
    refuse_odd,
    show_money,
    whole_part,
    zero,
)

pytestmark = pytest.mark.once

minors = st.integers(0, LARGEST_MINOR)
currencies = st.sampled_from(sorted(CURRENCIES))

# What Stripe asks: digits after the point, steps of a charge and of a transfer, the least we charge.
ASKED = {
    "usd": (2, 1, 1, "5.00"), "eur": (2, 1, 1, "5.00"), "gbp": (2, 1, 1, "5.00"), "cad": (2, 1, 1, "5.00"),
    "chf": (2, 1, 1, "5.00"), "jpy": (0, 1, 1, "500"), "huf": (2, 1, 100, "2000.00"), "kwd": (3, 10, 10, "1.500"),
}


def test_each_currency_is_as_stripe_writes_it():
    assert {code: (one.digits, one.charge_step, one.transfer_step, plain_amount(Money(one.least, code)))
            for code, one in CURRENCIES.items()} == ASKED
    for code, one in CURRENCIES.items():
        refuse_odd(Money(one.least, code))
        assert whole_part(Money(one.least, code)).minor == one.least
        assert one.transfer_step % one.charge_step == 0


@pytest.mark.parametrize(("typed", "currency", "minor"), [
    ("1000", "usd", 100_000), ("1,000.50", "usd", 100_050), ("1000.5", "eur", 100_050), ("$ 1 000", "usd", 100_000),
    ("0.01", "gbp", 1), ("0", "usd", 0), ("000000000000012", "usd", 1200), ("1000", "jpy", 1000), ("999999.99", "usd", LARGEST_MINOR),
    ("10", "huf", 1000), ("10.5", "huf", 1050), ("1.250", "kwd", 1250), ("1.25", "kwd", 1250), ("1,000", "kwd", 1_000_000),
    ("0.005", "kwd", 5), ("99999.999", "kwd", LARGEST_MINOR), ("99,999,999", "jpy", LARGEST_MINOR),
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


@pytest.mark.parametrize(("typed", "currency", "said"), [
    ("1.0001", "kwd", "KWD has 3 decimals at most"), ("1.001", "huf", "HUF has 2 decimals at most"),
    ("1.0", "jpy", "JPY has no decimals"), ("12.000", "eur", "12,000 or 12000"), ("100000", "kwd", "at once is KWD99,999.999"),
    ("1000000", "huf", "at once is HUF999,999.99"), ("100000000", "jpy", "at once is ¥99,999,999"),
])
def test_decimals_and_the_most_are_the_currencys_own(typed, currency, said):
    with pytest.raises(BadAmount) as refused:
        parse_amount(typed, currency)
    assert said in refused.value.message.replace("\xa0", "")


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
    (Money(1_250, "kwd"), "KWD1.250", "1.250"), (Money(10_000, "kwd"), "KWD10", "10.000"), (Money(5, "kwd"), "KWD0.005", "0.005"),
    (Money(123_450, "huf"), "HUF1,234.50", "1234.50"), (Money(123_400, "huf"), "HUF1,234", "1234.00"),
    (Money(-1_234, "jpy"), "-¥1,234", "-1234"), (Money(100, "aud"), "A$1", "1.00"),
])
def test_people_and_programs_read_it(money, shown, plain):
    assert (show_money(money).replace("\xa0", ""), plain_amount(money)) == (shown, plain)


def test_a_column_of_figures_keeps_the_empty_decimals():
    assert [show_money(Money(minor, "usd"), exact=True) for minor in (100_000, 1_05, 0)] == ["$1,000.00", "$1.05", "$0.00"]
    assert show_money(Money(500, "jpy"), exact=True) == "¥500"


@given(minors, currencies)
def test_what_we_show_people_they_may_type(minor, currency):
    money = Money(minor, currency)
    figures = "".join(c for c in show_money(money) if c in "0123456789.,")
    assert parse_amount(figures, currency) == money


@given(minors, currencies)
def test_a_transfer_carries_whole_units_and_leaves_less_than_one(minor, currency):
    money = Money(minor, currency)
    step = ASKED[currency][2]
    assert whole_part(money).minor % step == 0 and zero(currency) <= money - whole_part(money) < Money(step, currency)
    assert whole_part(whole_part(money)) == whole_part(money)


@pytest.mark.parametrize(("amount", "carried"), [
    (Money(1_050, "huf"), 1_000), (Money(99, "huf"), 0), (Money(1_255, "kwd"), 1_250), (Money(9, "kwd"), 0),
    (Money(7, "jpy"), 7), (Money(1_01, "usd"), 1_01),
])
def test_odd_units_stay_behind(amount, carried):
    assert whole_part(amount) == Money(carried, amount.currency)


def test_what_stripe_would_refuse_to_charge_is_refused_with_an_example():
    with pytest.raises(BadAmount, match=r"steps of 0\.010") as refused:
        refuse_odd(Money(1_255, "kwd"))
    assert refused.value.next_step == "Write 1.250, for example."
    for amount in (Money(1_250, "kwd"), Money(1_050, "huf"), Money(7, "jpy"), Money(1, "usd")):
        refuse_odd(amount)


def test_main_units_are_what_people_call_one():
    assert [main_units(10, code).minor for code in ("usd", "jpy", "huf", "kwd")] == [1_000, 10, 1_000, 10_000]


@given(minors, st.integers(0, BASIS), currencies)
def test_a_share_is_rounded_down_and_less_than_one_chargeable_unit_is_lost(minor, rate, currency):
    share, step = Money(minor, currency).share(rate), ASKED[currency][1]
    assert share.minor % step == 0
    assert 0 <= minor * rate - share.minor * BASIS < BASIS * step


@given(minors, st.integers(0, 1000), st.integers(1, 1000), currencies)
def test_a_part_is_rounded_down(minor, numerator, denominator, currency):
    part, step = Money(minor, currency).part(numerator, denominator), ASKED[currency][1]
    assert part.minor % step == 0
    assert 0 <= minor * numerator - part.minor * denominator < denominator * step


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
