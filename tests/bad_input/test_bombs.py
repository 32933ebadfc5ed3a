"""What is small to send and large to read ends within its caps, in words. Forty of them, each measured, in `make bench`."""
import json

import pytest

from marketplace.foundation.reading import read_page
from marketplace.foundation.start_tags import LONGEST, without_endless_tags
from tests import factories as make
from tests.bad_input.bombs import set_off

pytestmark = pytest.mark.once

MANY = " ".join(f"a{number}=x" for number in range(2_000))


@pytest.mark.parametrize(("tag", "left"), [
    (f"<p {MANY}>car</p>", "<p>car</p>"), (f"<p b='>' {MANY}>car</p>", "<p>car</p>"),
    (f"<p {MANY.replace(' ', '/')}>car</p>", "<p>car</p>"), ("<p " + 'a="x"' * 2_000 + ">car</p>", "<p>car</p>"),
    ("<p " + "a" * 2 * LONGEST + ">car</p>", None), ('<img alt="a car" src="data:image/png;base64,' + "QUJD" * LONGEST + '">', None),
    (f"<p title='one>two\">car</p> {'words of a post ' * 400}", None), ("<p>" + "a < b, c > d " * 2_000, None),
])
def test_a_tag_that_no_person_wrote_loses_its_attributes_and_any_other_stays(tag, left):
    assert without_endless_tags(tag + " " * LONGEST) == (tag if left is None else left) + " " * LONGEST


def test_a_page_with_a_tag_without_end_is_read_all_the_same():
    assert read_page(f"<html><body {MANY * 40}><p>I am looking for a car.</p>", "https://blog.example/post").text == "I am looking for a car."


def test_a_pdf_of_ten_thousand_pages_ends_within_its_caps():
    blast = set_off("PDF of 10,000 pages")
    assert blast.is_held, blast


@pytest.mark.parametrize(("body", "status"), [
    ({"title": "x" * 1_100_000}, 413), ({"criteria": ["x"] * 100_000}, 422), ({f"field{number}": "x" for number in range(20_000)}, 422),
    ({"rules": [{"kind": "flat"}] * 20_000}, 422),
])
def test_an_enormous_body_is_refused_in_words(app, as_user, monkeypatch, body, status):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    business = make.make_business()
    browser = as_user(make.owner_of(business))
    answer = browser.post(f"/businesses/{business.id}/bounties/new", data={
        name: "\n".join(value) if isinstance(value, list) and isinstance(value[0], str) else value if isinstance(value, str) else json.dumps(value)
        for name, value in body.items()})
    assert answer.status_code == status and ('role="alert"' in answer.text or "Shorten it" in answer.text)
