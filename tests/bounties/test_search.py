"""Live bounties are found by their words: kept by the verbs, in the full-text index of either database."""
import pytest
from sqlalchemy import text

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.models import Bounty, BountyWords, Category
from marketplace.bounties.offer_reading import ANALYSER, concept_word, index_words, read_offer
from marketplace.bounties.publishing import close_bounty, pause_bounty, publish_bounty
from marketplace.bounties.search import READ_AT_ONCE, find_by_words, read_offers
from marketplace.foundation.db import db, transaction
from tests.browsing import end_reading
from tests.factories import TERMS, make_bounty, make_business, owner_of

CAR = concept_word("car")


def found(*groups, most=10):
    end_reading()
    return [bounty_id for bounty_id, _ in find_by_words(*groups, most=most)]


@pytest.fixture
def bounty(app):
    return make_bounty(is_live=True)


class TestKeeping:
    def test_a_bounty_is_found_while_it_is_live(self, app):
        bounty = make_bounty(funded_for=3)
        owner = owner_of(bounty.business)
        assert found([CAR]) == []
        for verb, ids in ((publish_bounty, [bounty.id]), (pause_bounty, []), (publish_bounty, [bounty.id]), (close_bounty, [])):
            with transaction():
                verb(db.session.get_one(Bounty, bounty.id), by=owner)
            assert found([CAR]) == ids

    def test_a_changed_offer_is_found_by_its_new_words_at_once(self, bounty):
        owner = owner_of(bounty.business)
        with transaction():
            change_bounty(db.session.get_one(Bounty, bounty.id), by=owner, title="Introduce somebody who needs a roof",
                          offer="We repair and replace roofs.", **{**TERMS, "category": Category.HOME, "criteria": ["Owns a house"]})
        assert (found([CAR]), found([concept_word("roof")])) == ([], [bounty.id])

    def test_a_bounty_that_pauses_and_goes_on_within_one_change_is_found_once(self, bounty):
        owner = owner_of(bounty.business)
        with transaction():
            kept = db.session.get_one(Bounty, bounty.id)
            pause_bounty(kept, by=owner)
            db.session.flush()
            publish_bounty(kept, by=owner)
        assert found([CAR]) == [bounty.id] and db.session.query(BountyWords).count() == 1

    def test_a_change_that_is_taken_back_is_not_found(self, bounty):
        with pytest.raises(RuntimeError), transaction():
            pause_bounty(db.session.get_one(Bounty, bounty.id), by=owner_of(bounty.business))
            raise RuntimeError
        assert found([CAR]) == [bounty.id]

    def test_what_is_not_live_is_never_found_whatever_the_index_says(self, bounty):
        with transaction():
            db.session.execute(text("UPDATE bounties SET state = 'paused'"))
        assert found([CAR]) == []

    def test_the_job_reads_what_is_missing_and_what_older_rules_read(self, bounty):
        other = make_bounty(is_live=True)
        with transaction():
            db.session.execute(text("DELETE FROM bounty_words WHERE bounty_id = :id"), {"id": bounty.id})
            db.session.execute(text("UPDATE bounty_words SET words = 'old', analyser = 0"))
        assert found([CAR]) == []
        with transaction():
            read_offers()
        assert set(found([CAR])) == {bounty.id, other.id} and found(["old"]) == []
        assert {row.analyser for row in db.session.query(BountyWords)} == {ANALYSER}

    def test_the_job_goes_on_by_itself_after_a_full_round(self, bounty, work, monkeypatch):
        monkeypatch.setattr("marketplace.bounties.search.READ_AT_ONCE", 1)
        make_bounty(is_live=True)
        with transaction():
            db.session.execute(text("DELETE FROM bounty_words"))
            read_offers()
        work()
        assert len(found([CAR])) == 2 < READ_AT_ONCE


class TestAsking:
    def test_every_group_must_have_a_word_and_the_newest_come_first(self, bounty):
        newer = make_bounty(bounty.business, is_live=True, place="Boston, US")
        assert found([CAR, "nothing"]) == [newer.id, bounty.id]
        assert found([CAR], most=1) == [newer.id]
        squares = [word for word in index_words(find_by_words([CAR], most=1)[0][1]).split() if word.startswith("zq")]
        assert found([CAR], squares) == [newer.id]

    @pytest.mark.parametrize("words", [[], ["'"], ['" OR "a'], ["a & !b"], ["zccar:*"], ["NEAR(a b)"], [""], ["a" * 500], ["-x"]])
    def test_what_is_no_plain_word_asks_for_nothing(self, bounty, words):
        assert found(words) == []

    def test_an_offer_of_another_market_does_not_hide_the_money_and_the_place(self, app):
        make_bounty(make_business(), is_live=True, offer="Camper vans, built to order, from $70,000 on.", place="Berlin, DE")
        (_, reading), = find_by_words([CAR], most=5)
        assert (reading.least, reading.places[0]["name"], reading.currency) == ((70_000, "usd"), "Berlin", "usd")


@pytest.mark.once
class TestReading:
    def test_an_offer_is_about_what_its_parts_name_most(self):
        reading = read_offer(title="Cars that need a repair", offer="Mobile mechanics: brakes, starters. We come to you.",
                             criteria=["Has a car that needs fixing"], category="cars", place="Denver, US", currency="usd")
        assert reading.concepts["car_repair"] == 100 and "car" not in reading.concepts

    def test_what_lies_outside_its_category_counts_for_less(self):
        reading = read_offer(title="Home chargers", offer="We install chargers for electric cars at home.",
                             criteria=["Has an electric car"], category="solar", place="", currency="usd")
        assert reading.concepts["ev_charger"] == 100 > reading.concepts["ev"]

    def test_an_unknown_place_is_kept_by_its_words(self):
        reading = read_offer(title="Boats", offer="Boats and more boats.", criteria=["x"], category="other",
                             place="Little Nowhere", currency="usd")
        assert (reading.places, reading.place_words) == ([], "little nowhere") and "zpunknown" in index_words(reading)
