"""A subject names what it is about: whole words, in one short line, whatever people have called their things."""
import pytest

from marketplace.foundation.naming import LONGEST_SUBJECT, Name, cut


def named(title, what="The buyer said yes"):
    return Name(title, "Westside Auto", "23 Nov 2026", "D3MDP").subject(what)


@pytest.mark.parametrize(("title", "what", "subject"), [
    ("Westside Auto", "The buyer said yes", "The buyer said yes: Westside Auto, 23 Nov 2026, no. D3MDP"),
    ("Introduce a car buyer to Westside Auto", "The buyer said yes",
     "The buyer said yes: Introduce a car buyer to…, 23 Nov 2026, no. D3MDP"),
    ("Introduce a car buyer to Westside Auto", "Your lead was accepted, pass the link on",  # No room for the day.
     "Your lead was accepted, pass the link on: Introduce a car…, no. D3MDP"),
    ("Nice\r\nBcc: eve@example.org\u2028now", "The buyer said yes",
     "The buyer said yes: Nice Bcc…, 23 Nov 2026, no. D3MDP"),
])
def test_as_much_of_the_title_as_fits_and_always_the_number(title, what, subject):
    assert named(title, what) == subject


@pytest.mark.parametrize("what", ["Sold", "The buyer said yes", "many words " * 9, "x" * 90])
@pytest.mark.parametrize("title", ["Tea", "Westside Auto", "many words " * 9, "x" * 90, "日本語の題名" * 15])
def test_it_is_short_and_never_loses_the_number(title, what):
    subject = named(title, what)
    assert len(subject) <= LONGEST_SUBJECT and subject.endswith(", no. D3MDP") and ": " in subject


def test_a_word_that_is_too_long_by_itself_is_cut_where_it_must_be():
    assert [cut(text, 8) for text in ("whole", "two words", "unbroken", "unbrokenly")] == [
        "whole", "two…", "unbroken", "unbroke…"]
