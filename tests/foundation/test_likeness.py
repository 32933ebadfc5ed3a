"""Texts that say the same are found, whatever was done to them; texts that share a signature line are not."""
import random

import pytest

from marketplace.foundation.likeness import (
    FEWEST_WORDS,
    band_keys,
    likeness,
    likeness_of_texts,
    shared_parts,
    sign_text,
)

pytestmark = pytest.mark.once

SECRET = b"sixteen bytes, x"
ALIKE = 22 / 64


def words(count, seed):
    chosen = random.Random(seed)
    return ["".join(chosen.choices("abcdefghijklmnoprstuvw", k=chosen.randint(3, 9))) for _ in range(count)]


def meet(one, other):
    """Found by the index, and alike once they are compared."""
    ours, theirs = (sign_text(" ".join(text), secret=SECRET) for text in (one, other))
    shared = set(band_keys(ours, scope="b", secret=SECRET)) & set(band_keys(theirs, scope="b", secret=SECRET))
    return bool(shared) and likeness(ours, theirs) >= ALIKE


def changed(post, part, seed):
    post, chosen = list(post), random.Random(seed)
    for place in chosen.sample(range(len(post)), round(len(post) * part)):
        post[place] = f"other{seed}x{place}"
    return post


@pytest.mark.parametrize("edit", [
    lambda post, seed: list(post),
    lambda post, seed: changed(post, 0.05, seed),
    lambda post, seed: [*post[:60], *words(30, -seed - 1), *post[90:]],
    lambda post, seed: [word for first in random.Random(seed).sample(range(0, 150, 15), 10) for word in post[first:first + 15]],
], ids=["copied", "a word in twenty", "a fifth written anew", "sentences in another order"])
def test_an_edited_post_is_found(edit):
    posts = [words(150, seed) for seed in range(60)]
    assert [seed for seed, post in enumerate(posts) if not meet(post, edit(post, seed))] == []


def test_nearly_every_post_is_found_with_a_word_in_ten_changed():
    posts = [words(150, seed) for seed in range(100)]
    assert sum(meet(post, changed(post, 0.1, seed)) for seed, post in enumerate(posts)) >= 96


def test_case_marks_and_blanks_do_not_matter():
    one = "I am in the market for a car, something for two kids and a dog!"
    assert sign_text(one, secret=SECRET) == sign_text(one.upper().replace(" ", "  \n").replace(",", " -"), secret=SECRET)


def test_a_shared_signature_line_is_no_likeness():
    line = words(45, -1)
    posts = [[*words(105, seed), *line] for seed in range(30)]
    assert not any(meet(one, other) for one in posts for other in posts if one is not other)


def test_a_short_text_has_no_signature():
    assert sign_text("I am in the market for a", secret=SECRET) is None
    assert sign_text(" ".join(words(FEWEST_WORDS, 1)), secret=SECRET) is not None


def test_a_short_post_is_found_with_one_word_changed():
    posts = [words(30, seed) for seed in range(60)]
    assert sum(meet(post, changed(post, 1 / 30, seed)) for seed, post in enumerate(posts)) >= 59


def test_a_text_without_blanks_is_read_by_its_characters():
    said = "家族四人と犬一匹が乗れる車を探しています。クリスマスの前に買いたいです。"
    ours, theirs = sign_text(said, secret=SECRET), sign_text(said.replace("四人", "五人"), secret=SECRET)
    assert likeness(ours, theirs) > 0.6


def test_nobody_tells_a_text_from_its_signature_without_the_secret():
    text = " ".join(words(150, 1))
    assert likeness(sign_text(text, secret=SECRET), sign_text(text, secret=b"another secret!!")) < 0.1


def test_keys_of_two_scopes_never_meet():
    signature = sign_text(" ".join(words(150, 1)), secret=SECRET)
    ours, theirs = (set(band_keys(signature, scope=scope, secret=SECRET)) for scope in ("one", "other"))
    assert len(ours) == 21 and not ours & theirs
    assert all(-2**63 <= key < 2**63 for key in ours | theirs)


def test_what_was_signed_once_keeps_its_signature():
    """It is in the database: a change of how it is made needs every kept one made anew."""
    signature = sign_text("So it is decided. I am in the market for a car, and soon.", secret=SECRET)
    assert signature[:8].hex() == "1d7d304cea23879e"
    assert band_keys(signature, scope="biz_1", secret=SECRET)[0] == 8072254016704256545


def test_what_two_texts_share_is_marked_wherever_it_stands():
    one = "Hello! I am in the market for a car.\nThe old one died."
    other = "The old one died... And so I AM IN THE MARKET for a boat"
    parts = shared_parts(one, other)
    assert "".join(words for words, _ in parts) == one
    assert [words for words, shared in parts if shared] == ["I am in the market for a", "The old one died"]
    assert shared_parts("", other) == [] and shared_parts("...", other) == [("...", False)]


def test_likeness_of_two_texts_is_the_part_of_their_runs_in_common():
    assert likeness_of_texts("one two three four", "one two three five") == pytest.approx(1 / 3)
    assert likeness_of_texts("one two", "one two") == 0
