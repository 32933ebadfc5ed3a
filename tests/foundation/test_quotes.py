"""A quoted sentence is found again after small edits, in its place, and nothing else is taken for it."""
import time
import unicodedata

import pytest

from marketplace.foundation.quotes import EXACT, Anchor, QuoteMatch, find_anchor, find_quote

pytestmark = pytest.mark.once  # No database in here.

POST = """Goodbye, old wagon

The transmission has given up for good this time, and the workshop shook its head at it.

So it is decided. I am in the market for a car, something for two kids and a dog, before Christmas.

If you know an honest dealer near Denver, tell me. I would rather ask you than the internet."""
QUOTE = "I am in the market for a car, something for two kids and a dog"
FOUND = find_quote(POST, QUOTE)
ANCHOR = Anchor(QUOTE, FOUND.prefix, FOUND.suffix)


@pytest.mark.parametrize("edited", [
    QUOTE.replace("a dog", "two dogs"),
    QUOTE.replace("something", "somthing"),
    QUOTE.replace("a car", "a used car"),
    QUOTE.replace("I am", "I'm still"),
    QUOTE.replace(", something for two kids and a dog", ""),
    QUOTE.replace("the market for a car", "the market for a car again"),
    QUOTE.replace(" and a dog", ", a dog and a cat"),
])
def test_small_edits_are_seen_as_such_and_the_place_is_shown(edited: str) -> None:
    page = POST.replace(QUOTE, edited)
    place = find_anchor(page, ANCHOR)
    assert place is not None
    assert place.likeness < EXACT
    assert "in the market" in page[place.start:place.end]


@pytest.mark.parametrize("copied", [
    QUOTE.upper(),
    f"“{QUOTE.replace('I am', 'I am')}”",
    QUOTE.replace(" ", " ").replace("car,", "car ,"),
    QUOTE.replace(" ", "\n  "),
])
def test_what_only_looks_different_is_word_for_word(copied: str) -> None:
    place = find_anchor(POST.replace(QUOTE, copied), ANCHOR)
    assert place is not None
    assert place.likeness == EXACT


@pytest.mark.parametrize(("kept", "shown"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFKD", "NFC")])
def test_composed_and_decomposed_letters_are_the_same_after_edits_too(kept: str, shown: str) -> None:
    quote = "Wir suchen für Mariä Empfängnis ein größeres Café in Zürich"
    page = f"Grüezi!\n\n{quote}, möglichst bald.\n\nMerci."
    exact = find_anchor(unicodedata.normalize(shown, page), Anchor(unicodedata.normalize(kept, quote)))
    edited = find_anchor(unicodedata.normalize(shown, page.replace("ein größeres", "ein grösseres, helles")),
                         Anchor(unicodedata.normalize(kept, quote)))
    assert exact is not None and exact.likeness == EXACT
    assert edited is not None and edited.likeness < EXACT


def test_a_paragraph_that_moved_is_found_where_it_is_now() -> None:
    first, *middle, last = POST.split("\n\n")
    page = "\n\n".join([middle[1], first, middle[0], last])
    place = find_anchor(page, ANCHOR)
    assert place is not None
    assert (page[place.start:place.end], place.likeness) == (QUOTE, EXACT)


def test_of_two_places_the_one_between_the_known_words_counts() -> None:
    page = f"Quoted by a stranger: {QUOTE}, he says, and I do not believe him at all.\n\n{POST}"
    place = find_anchor(page, ANCHOR)
    assert place is not None
    assert page[place.end:].startswith(", before Christmas")
    without = find_anchor(page, Anchor(QUOTE))
    assert without is not None
    assert page[without.end:].startswith(", he says")


def test_a_sentence_that_sounds_alike_elsewhere_is_another_one() -> None:
    assert find_anchor("I am in the mood for a walk, something for two hours and a dog, before lunch.", Anchor(QUOTE)) is None


@pytest.mark.parametrize("other", [
    "We sold our car to a family with two kids and a dog last week.",
    "This post was deleted by its author.",
    "Log in to see what David wrote.",
    "The market for cars is something else this year: prices rose before Christmas.",
    "", "car", "I", "????",
])
def test_another_sentence_is_not_taken_for_it(other: str) -> None:
    assert find_anchor(other, Anchor(QUOTE)) is None
    assert find_anchor(POST.partition("So it is decided.")[0] + "\n\n" + other, ANCHOR) is None


def test_a_very_short_sentence_needs_its_place_once_it_was_edited() -> None:
    assert find_anchor("Looking for a vet in Bath", Anchor("for a van")) is None
    page = "We moved house last month and have no way to get around. Need a big car. Anyone in Boise selling one to us?"
    short = Anchor("Need a car", "moved house last month and have no way to get around.", "Anyone in Boise selling one to us?")
    assert find_anchor(page, short) is not None


def test_a_sentence_at_the_end_of_a_long_thread_is_found_edited_or_not() -> None:
    thread = "Somebody says something about wheels and weather here.\n" * 5_000
    assert find_anchor(thread + POST, ANCHOR) is not None
    assert find_anchor(thread + POST.replace("a dog", "two dogs"), ANCHOR) is not None


def test_nothing_to_look_for_is_found_nowhere() -> None:
    assert find_anchor(POST, Anchor(" “…” ")) is None
    assert find_anchor("", ANCHOR) is None


@pytest.mark.parametrize("text", ["I am in the market for a " * 16_000, "a" * 400_000])
def test_a_text_made_to_be_slow_is_searched_in_time(text: str) -> None:
    begun = time.process_time()
    find_anchor(text, Anchor((QUOTE + " ") * 9, FOUND.prefix, FOUND.suffix))
    assert time.process_time() - begun < 4  # seconds of CPU


@pytest.mark.parametrize(("quote", "prefix", "suffix"), [
    ("I need a car.", "So: “", "” He does."),
    ("“I need a car.”", "So:", "He does."),
    ("I need a car", "So: “", ".” He does."),
    ("... I need a car ...", "So: “", "” He does."),
])
def test_marks_that_were_copied_with_the_sentence_are_not_shown_twice(quote: str, prefix: str, suffix: str) -> None:
    assert find_quote("So: “I need a car.” He does.", quote) == QuoteMatch(found=True, prefix=prefix, suffix=suffix)
