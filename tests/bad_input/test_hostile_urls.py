"""Two hundred addresses that lead inside: none is dialled, by whatever way it comes."""
import pytest

from marketplace.foundation import fetch
from marketplace.foundation.fetch import FetchFailed
from tests import factories as make
from tests.bad_input.hostile_urls import REBINDING, as_redirect, cast_net, hostile_urls

pytestmark = pytest.mark.once  # No database decides about it.
LOOKS = 10  # One in so many goes through the form and the job here, all of them in `make bench`.


def refusal_of(url: str) -> str:
    try:
        fetch.fetch(url)
    except FetchFailed as refusal:
        return refusal.reason
    return ""


def test_no_hostile_address_is_dialled_straight_or_after_a_redirect():
    urls = hostile_urls()
    assert len(urls) >= 200
    with cast_net() as net:
        assert [url for url in urls if not refusal_of(url)] == []
        assert net.dialled == []
        for url in urls:
            net.ask_anew()
            refusal_of(as_redirect(net, url))
        assert net.inward == [] and len(net.dialled) >= len(urls)


def test_a_name_that_changes_its_answer_is_pinned_and_vetted_again_at_each_redirect():
    with cast_net() as net:
        for name in REBINDING:
            net.pages[f"/{name}"] = f"http://{name}/again"
            assert refusal_of(f"http://{name}/post") == ""
            assert refusal_of(f"http://{name}/{name}") == "refused_address"
        assert net.inward == []


def test_the_pointing_form_and_its_job_dial_none(app, as_user, work):
    bounty, ana = make.make_bounty(is_live=True), make.make_user()
    browser = as_user(ana)
    fields = {"quote": "I am looking for a car", "acquaintance": "friend", "how_known": "An old friend"}
    with cast_net() as net:
        for url in hostile_urls()[::LOOKS]:
            answer = browser.submit(f"/bounties/{bounty.id}/point", {**fields, "url": url}, follow=False)
            assert answer.status_code in {302, 409, 422}, url
            work(may_fail=True)
        assert net.inward == []
