"""What fits a post, for programs: the same reading and the same bounties as on the page."""
import pytest

from tests import factories as make

NEED = "I am looking for a used car in Denver, and I can spend about $20,000."


@pytest.fixture
def bounty(westside):
    return make.make_bounty(westside, is_live=True)


def test_a_program_is_told_what_was_read_what_fits_and_why(bounty, ana, program):
    answer = program(ana).post("/matches", {"post": NEED})
    assert answer.status_code == 200
    said = answer.get_json()
    assert said["need"] | {"quotes": []} == {
        "is_looking": True, "why_not": None, "language": "en", "quote": NEED, "quotes": [], "what": ["a car"], "category": "cars",
        "places": ["Denver"], "when": "", "budget": {"amount": 20_000, "currency": "usd"}}
    (match,) = said["matches"]
    assert (match["bounty"]["id"], match["reward"], match["funded"], match["law"]) == (bounty.id, "$1,000", True, "")
    assert match["score"] == 100 and match["reasons"][1] == "Denver is the bounty's place."
    assert (said["url"], said["said"]) == (None, "")


def test_where_nothing_fits_it_says_why_and_what_to_do(bounty, ana, program):
    said = program(ana).post("/matches", {"post": "Just sold my car to a nice kid in Denver."}).get_json()
    assert said["matches"] == [] and said["need"]["why_not"] == "not_said" and said["said"].endswith(".")


def test_a_page_that_cannot_be_read_is_a_refusal_with_its_code(bounty, ana, program):
    refused = program(ana).post("/matches", {"post": "http://127.0.0.1/admin"})
    assert (refused.status_code, "post" in refused.get_json()["errors"]) == (422, True)


@pytest.mark.once
@pytest.mark.parametrize("body", [{}, {"post": ""}, {"post": "car"}, {"post": 7}, {"post": ["a"]}, {"post": None}, [], "x",
                                  {"post": NEED, "more": 1}, {"post": "a car " * 4_000}])
def test_what_is_no_post_is_refused(ana, program, body):
    assert program(ana).post("/matches", body).status_code == 422


@pytest.mark.once
def test_a_key_needs_the_scope_to_point(ana, program):
    assert program(ana, "leads:read").post("/matches", {"post": NEED}).status_code == 403
    assert program(ana).post("/matches", raw=b"{not json").get_json()["code"] == "unreadable"
