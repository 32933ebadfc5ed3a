"""One clock that can be moved, and ids that tell their kind and their age."""
import re
from datetime import UTC, timedelta
from itertools import pairwise

import pytest

from marketplace.foundation import clock as product_clock
from marketplace.foundation.ids import ALPHABET, NUMBER_DIGITS, new_id, new_stem

pytestmark = pytest.mark.once


def test_the_clock_is_aware_and_in_utc():
    assert product_clock.system_time().tzinfo is UTC
    assert product_clock.now().utcoffset() == timedelta(0)


def test_one_file_moves_the_time_of_every_process(tmp_path):
    file = tmp_path / "clock"
    read = product_clock.shifted_by_file(file)
    def moved(): return round((read() - product_clock.system_time()).total_seconds())
    assert moved() == 0  # No file: real time.
    file.write_text("")
    assert moved() == 0
    file.write_text("86400\n")
    assert moved() == 86_400
    file.write_text("-60")
    assert moved() == -60


def test_a_test_moves_the_clock(clock):
    before = product_clock.now()
    clock.move(days=30)
    assert timedelta(days=30) < product_clock.now() - before < timedelta(days=30, seconds=1)


def test_an_id_names_its_kind_in_letters_that_nobody_confuses(clock):
    kind, _, rest = new_id("lead").partition("_")
    assert kind == "lead" and re.fullmatch(f"[{ALPHABET}]{{26}}", rest) and not set("ilou") & set(ALPHABET)


def test_ids_sort_by_age(clock):
    made = []
    for _ in range(50):
        made.append(new_id("x"))
        clock.move(seconds=1)
    assert made == sorted(made)


def test_within_one_millisecond_they_keep_the_order_of_making_and_cannot_be_guessed():
    moment = product_clock.system_time()
    product_clock.use(lambda: moment)
    try:
        made = [new_id("x") for _ in range(2000)]
    finally:
        product_clock.use(product_clock.system_time)
    assert made == sorted(set(made))
    numbers = [int("".join(f"{ALPHABET.index(c):05b}" for c in one[2:]), 2) for one in made]
    steps = [b - a for a, b in pairwise(numbers)]
    assert len(set(steps)) == len(steps) and max(steps) > 2**30


def test_ids_that_a_statement_numbers_lie_between_those_made_before_and_after():
    moment = product_clock.system_time()
    product_clock.use(lambda: moment)
    try:
        for _ in range(200):
            before, stem, after = new_id("x"), new_stem("x"), new_id("x")
            first, last = stem + ALPHABET[0] * NUMBER_DIGITS, stem + ALPHABET[-1] * NUMBER_DIGITS
            assert before < first < last < after and len(first) == len(before)
    finally:
        product_clock.use(product_clock.system_time)
