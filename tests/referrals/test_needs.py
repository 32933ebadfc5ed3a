"""What a post says: whether somebody looks for something, for what, where, until when, for how much."""
import pytest

from marketplace.bounties.words import LANGUAGES, concepts, fold, language_of, tokens_of
from marketplace.referrals.need_words import NOTHING, say_budget, say_places, why_nothing
from marketplace.referrals.needs import LONGEST_SENTENCE, NoNeed, read_need

pytestmark = pytest.mark.once

WANTED = [  # The sentence, and the concept that is wanted most.
    ("I'm in the market for a car, something with room for a dog.", "car"),
    ("WTB: used pickup, anything that still starts", "pickup"),
    ("Does anybody know a plumber who works on Sundays?", "plumber"),
    ("Dog walker near the park?", "dog_care"),
    ("Who did your roof? Ours leaks.", "roof"),
    ("My parents need someone, in-home care a few hours a week.", "elder_care"),
    ("where do people here get a couch and a car? need a mechanic first", "car_repair"),
    ("Wir suchen einen gebrauchten Kombi für die Familie.", "car"),
    ("Kennt jemand einen guten Dachdecker?", "roof"),
    ("Wir möchten uns eine Küche planen lassen.", "kitchen"),
    ("Busco coche de segunda mano para ir al trabajo.", "car"),
    ("¿Alguien me recomienda un fontanero que venga hoy?", "plumber"),
    ("Queremos poner placas solares en casa este año.", "solar_roof"),
    ("Je cherche une voiture d'occasion pour le travail.", "car"),
    ("Vous connaissez un bon plombier dans le coin ?", "plumber"),
    ("Nous souhaitons installer des panneaux solaires sur le toit.", "solar_roof"),
]

NOT_WANTED = [
    ("Just sold my car to a nice kid down the street.", NoNeed.NOT_SAID),
    ("I am not looking for a new car, thank you.", NoNeed.DENIED),
    ("We don't need solar panels, whatever you say.", NoNeed.DENIED),
    ("EDIT: found one, thanks! Looking for a plumber in Seattle.", NoNeed.SETTLED),
    ("Update: no longer looking for a nanny.", NoNeed.SETTLED),
    ("For sale: my old car, drives well. Looking for $2,000.", NoNeed.OFFERED),
    ("I want a Porsche if I ever win the lottery.", NoNeed.UNREAL),
    ("If you're still looking for a dentist, mine is great.", NoNeed.UNREAL),
    ("Looking for a plumber for my eyes after that movie.", NoNeed.UNREAL),
    ("We no longer need movers in Chicago, a friend lends us his van.", NoNeed.DENIED),
    ("Wir suchen ausdrücklich keinen Makler.", NoNeed.DENIED),
    ("Verkaufe mein Auto, gut gepflegt, Selbstabholung.", NoNeed.OFFERED),
    ("No, ya no busco coche, gracias por preguntar a todos.", NoNeed.DENIED),
    ("Vendo coche de segunda mano, único dueño.", NoNeed.OFFERED),
    ("Non, je ne cherche pas de voiture, merci bien.", NoNeed.DENIED),
    ("Je vends ma voiture, très bon état, à Lyon.", NoNeed.OFFERED),
    ("How do I change the oil in a Golf?", NoNeed.NOT_SAID),
    ("Szukam mieszkania w Krakowie, dwa pokoje, od marca, najlepiej w centrum.", NoNeed.LANGUAGE),
    ("   ", NoNeed.EMPTY),
]


@pytest.mark.parametrize(("text", "concept"), WANTED)
def test_it_reads_what_is_wanted(text, concept):
    need = read_need(text)
    assert (need.why_not, next(iter(need.concepts), None)) == (None, concept)
    assert need.is_looking and need.sentence and need.sentence in text


@pytest.mark.parametrize(("text", "reason"), NOT_WANTED)
def test_it_reads_why_nothing_is_wanted(text, reason):
    need = read_need(text)
    assert (need.is_looking, need.why_not, need.sentence) == (False, reason, "")
    assert why_nothing(need) == NOTHING[reason]


def test_every_reason_has_its_words():
    assert set(NOTHING) == set(NoNeed) and all(say.endswith(".") and do.endswith(".") for say, do in NOTHING.values())


def test_a_need_in_a_long_post_is_the_sentence_that_says_it():
    text = ("The chimney sweep came. We stripped three layers of wallpaper, and the piano is out of tune. "
            "There is a leak under the bathroom, and we are looking for a plumber in Seattle. Next week: floors.")
    need = read_need(text, "Notes from the old house")
    assert need.sentence == "There is a leak under the bathroom, and we are looking for a plumber in Seattle."
    assert next(iter(need.concepts)) == "plumber" and "piano_tuning" not in need.concepts


def test_what_asks_without_naming_is_read_with_the_sentence_before():
    need = read_need("Hail took half of our shingles last night. Who would you call?", "", "en")
    assert (next(iter(need.concepts)), need.sentence) == ("roof", "Who would you call?")


def test_the_first_thing_named_is_what_is_wanted_and_joined_ones_too():
    alone = read_need("I am looking for a plumber who knows a good electrician.").concepts
    assert alone["plumber"] == 100 > 80 > alone["electrician"]
    joined = read_need("I am looking for a plumber or an electrician.").concepts
    assert joined["plumber"] == 100 and joined["electrician"] == 90


@pytest.mark.parametrize("text", [
    "Which car seat would you buy?", "I need a good kitchen knife.", "Looking for a piano bench, anybody?",
    "I am looking for motorcycle boots in a size 13.", "Can you recommend a laptop stand?",
])
def test_a_thing_named_after_another_is_not_that_other(text):
    assert not {"car", "kitchen", "piano", "motorcycle", "laptop"} & set(read_need(text).concepts)


def test_words_of_one_stem_are_told_apart_by_their_length():
    assert "estate_lawyer" not in read_need("Which brand do you trust? I need a bed.").concepts
    assert "immigration_lawyer" not in read_need("We want something natural.").concepts


@pytest.mark.parametrize(("text", "places"), [
    ("Looking for a dentist in Chicago.", ("Chicago",)),
    ("Car mechanic near Aurora CO, please? I need one.", ("Aurora",)),
    ("We need movers, we moved from Denver to Austin in May.", ("Austin",)),
    ("im in austin looking for a roofer", ("Austin",)),
    ("Suche Zahnarzt in Freiburg oder München.", ("Freiburg", "Munich")),
    ("Busco dentista en Sevilla.", ("Sevilla",)),
    ("Je cherche un dentiste à Montréal.", ("Montréal",)),
    ("I need a nice bath mat, mobile and orange, for reading.", ()),
    ("Wir suchen eine Küche, am besten mit Essen und Halle.", ()),
])
def test_places_are_read_where_they_are_places(text, places):
    assert say_places(read_need(text)) == places


@pytest.mark.parametrize(("text", "budget"), [
    ("I need a car and can spend about $24,000.", "up to $24,000"),
    ("Looking for a car under 14k.", "up to 14,000"),
    ("Wir suchen ein Auto, maximal 15.000 Euro.", "up to €15,000"),
    ("Busco coche, máximo 12.000 €.", "up to €12,000"),
    ("Je cherche une voiture, budget 8 000 € maxi.", "up to €8,000"),
    ("I need a used car, budget around ten grand.", "up to 10,000"),
    ("The last plumber charged $600. I need another one.", ""),
    ("I need a car with fewer than 60,000 miles.", ""),
    ("We need a caterer for 120 people.", ""),
])
def test_a_budget_is_what_they_would_spend(text, budget):
    assert say_budget(read_need(text)) == budget


@pytest.mark.parametrize(("text", "when"), [
    ("I need a car by the end of the year.", "by the end of the year"), ("We need a plumber tomorrow.", "tomorrow"),
    ("Wir suchen eine Küche bis Ende Februar.", "bis Ende Februar"), ("Busco coche antes del verano.", "antes del verano"),
    ("Je cherche un plombier, c'est urgent.", "urgent"), ("I need a car.", ""),
])
def test_until_when_is_shown_in_their_words(text, when):
    assert read_need(text).when == when


def test_who_looks_for_work_is_not_looking_for_a_worker():
    assert read_need("I am looking for a job as a nurse.").seeks_work
    assert not read_need("I am looking for a nurse for my mother.").seeks_work


@pytest.mark.parametrize(("text", "language"), [
    ("I am looking for a car and my dog likes it", "en"), ("Wir suchen ein Auto und haben nicht viel Zeit", "de"),
    ("Busco un coche para mi madre que no gaste mucho", "es"), ("Je cherche une voiture pour ma mère", "fr"),
    ("Szukam mieszkania w Krakowie, dwa pokoje, od marca, najlepiej w centrum miasta i tanio", "other"),
])
def test_the_language_is_told_by_its_commonest_words(text, language):
    assert language_of(tokens_of(text)) == language


def test_the_words_name_known_categories_in_four_languages():
    from marketplace.bounties.models import Category  # noqa: PLC0415
    assert {one.category for one in concepts().values()} == {one.value for one in Category}
    assert {one.wider for one in concepts().values()} - {""} <= set(concepts())
    assert list(LANGUAGES) == ["en", "de", "es", "fr"] and fold("Größe’s") == "grosse's"


@pytest.mark.parametrize("text", [
    "a " * 10_000, "buy a " * 3_300 + "?", "1 000 " * 3_300, "looking for a car, " * 1_000, "?" * 20_000, "\u202e\x00\ud800" * 9,
    "San Diego De La " * 1_000, "😀" * 20_000, "x" * 200_000, "edit: found " * 1_600, "i want to " * 2_000, "ﬀ İ ß ŉ " * 900,
])
def test_odd_and_huge_texts_are_read_to_an_end(text):
    need = read_need(text, text[:300])
    assert len(need.sentence) <= LONGEST_SENTENCE + 1 and all(len(one) <= LONGEST_SENTENCE + 1 for one in need.quotes)
