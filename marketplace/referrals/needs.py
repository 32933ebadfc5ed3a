"""Reads what somebody writes: do they look for something, for what, where, until when, for how much? Rules alone."""
import re
from dataclasses import dataclass, field
from enum import StrEnum

from marketplace.bounties.words import (
    FUNCTION,
    LANGUAGES,
    Mention,
    Token,
    concepts,
    content_stems,
    find_far_pairs,
    find_mentions,
    fold,
    language_of,
    tokens_of,
)
from marketplace.foundation.money import Money
from marketplace.foundation.places import Place
from marketplace.foundation.sums import find_sums
from marketplace.referrals.need_places import places_in
from marketplace.referrals.need_signs import (
    ASKS,
    BOUND,
    DENIES,
    OFFERS,
    OTHER_QUESTIONS,
    QUESTION_WORDS,
    SEEKS_WORK,
    SETTLED,
    SPENDS,
    STANDS_FOR_ALL,
    UNREAL,
    VAGUE,
    WANTS,
    WHEN,
)

LONGEST_READ = 20_000  # Characters of a post; a need is said in far fewer.
MOST_SENTENCES = 400
LONGEST_SENTENCE = 500  # Characters; a quote takes 600.
MOST_CONCEPTS = 6
LATER = 45  # Of 100, for what is named after the first thing: "a plumber who did your kitchen".
PURPOSE = 75  # Of what it is for: "an electrician to put in a charger".
JOINED = 90  # "A plumber or an electrician".
UNLIKELY = 30  # What the rest of a sentence names that wants something unknown.
ACROSS, FAR = 70, 25  # What is named in two sentences together, so many words apart.
SURE, LEAST = 60, 10
BESIDE = 80  # Of what the sentence before names, where the asking one names nothing.
JOINS = {"or", "and", "oder", "und", "bzw", "o", "y", "u", "e", "ou", "et", "plus"}
AIMS = {"to", "who", "zum", "um", "qui"}
_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|\n+|(?<=[\u3002\uff01\uff1f])")
_MEASURE = re.compile(r"\s*(?:miles?|km|people|guests|kilo|ft|feet|sq|m2|minutes|kwh|%|watt)")
_CLAUSE = re.compile(r"[,;:!?()]| - | but | aber | sondern | pero | sino | mais ")


class NoNeed(StrEnum):
    """Why a post is not a need."""

    EMPTY = "empty"
    LANGUAGE = "language"
    OFFERED = "offered"
    SETTLED = "settled"
    DENIED = "denied"
    UNREAL = "unreal"
    NOT_SAID = "not_said"


@dataclass(frozen=True)
class Sentence:
    """One sentence with its place in the text, and what it names."""

    text: str
    folded: str
    tokens: list[Token]
    mentions: list[Mention]


@dataclass(frozen=True)
class Need:
    """``sentence`` is the one that says it, word for word, or "" where there is no need (``why_not``).

    ``concepts``: how much it is about each, of 100, the most wanted first. ``budget``: the most that they would
    spend, in main units; its currency is None where none was said. ``stems``: the words of what is wanted.
    """

    is_looking: bool
    why_not: NoNeed | None
    language: str
    sentence: str = ""
    quotes: tuple[str, ...] = ()
    concepts: dict[str, int] = field(default_factory=dict)
    stems: tuple[str, ...] = ()
    places: tuple[tuple[Place, ...], ...] = ()
    when: str = ""
    budget: tuple[int, str | None] | None = None
    seeks_work: bool = False

    @property
    def category(self) -> str:
        first = next(iter(self.concepts), None)
        return concepts()[first].category if first else ""

    @property
    def what(self) -> tuple[str, ...]:
        """In English, for people: what is certainly wanted."""
        return tuple(concepts()[name].label for name, weight in self.concepts.items() if weight >= SURE)[:3]

    def budget_as(self, currency: str) -> Money | None:
        """The most they would spend, where it was said in this currency or in none."""
        if self.budget is None or self.budget[1] not in {None, currency}:
            return None
        found = next(find_sums(f"{self.budget[0]} {currency}"), None)
        return found.money(currency) if found else None


@dataclass
class _Wish:
    """What one sentence wants: by concept, or by words that we have no concept for."""

    sentence: int
    strength: int
    concepts: dict[str, int]
    stems: list[str]


def read_need(text: str, title: str = "", language: str | None = None) -> Need:
    """Pure and deterministic; ``language`` is what the page says of itself. Never raises for what a text holds."""
    text = text[:LONGEST_READ]
    sentences = _sentences(title, text, language)
    if not sentences:
        return Need(is_looking=False, why_not=NoNeed.EMPTY, language="other")
    spoken = language_of([token for one in sentences for token in one.tokens], said=language)
    if spoken not in LANGUAGES:
        return Need(is_looking=False, why_not=NoNeed.LANGUAGE, language=spoken)
    wishes, refused = _wishes(sentences, spoken)
    why_not = _why_not(sentences, spoken, wishes) or (None if wishes else refused or NoNeed.NOT_SAID)
    if why_not:
        return Need(is_looking=False, why_not=why_not, language=spoken)
    wanted: dict[str, int] = {}
    for wish in wishes:
        for name, weight in wish.concepts.items():
            wanted[name] = max(wanted.get(name, 0), weight * wish.strength // 100)
    folded = " \n ".join(one.folded for one in sentences)
    seeks_work = bool(SEEKS_WORK[spoken].search(folded) or SEEKS_WORK["en"].search(folded))
    if seeks_work:  # What they do is said anywhere: "I am a nurse. I am looking for a new job."
        named = {mention.concept for one in sentences for mention in one.mentions}
        wanted |= dict.fromkeys((name for name in named if name.startswith("role_")), JOINED)
    best = max(wishes, key=lambda wish: (
        max(wish.concepts.values(), default=0) * wish.strength, wish.strength, -wish.sentence))
    quotes = [best, *sorted((wish for wish in wishes if wish is not best), key=lambda wish: wish.sentence)]
    return Need(
        is_looking=True, why_not=None, language=spoken, sentence=sentences[best.sentence].text,
        quotes=tuple(dict.fromkeys(sentences[wish.sentence].text for wish in quotes))[:4],
        concepts=dict(sorted(((name, weight) for name, weight in wanted.items() if weight >= LEAST),
                             key=lambda pair: (-pair[1], pair[0]))[:MOST_CONCEPTS]),
        stems=tuple(best.stems[:8]),
        places=places_in([one.tokens for one in sentences], text=f"{title}\n{text}", language=spoken),
        when=_when(sentences, wishes, best, spoken), budget=_budget(sentences),
        seeks_work=seeks_work)


# ---- Sentences


def _sentences(title: str, text: str, said: str | None) -> list[Sentence]:
    pieces = [title.strip(), *(_END.split(text))]
    language = language_of(tokens_of(f"{title} {text}"), said=said)
    found: list[Sentence] = []
    for words in (part for piece in pieces for part in _cut(piece.strip())):
        if words and len(found) < MOST_SENTENCES:
            tokens = tokens_of(words)
            found.append(Sentence(words, fold(words), tokens, find_mentions(tokens, language) if tokens else []))
    return found


def _across(sentences: list[Sentence], number: int, language: str) -> dict[str, int]:
    """What this sentence and its neighbours name together."""
    near = [token for one in sentences[max(0, number - 1):number + 2] for token in one.tokens]
    return {mention.concept: ACROSS for mention in find_far_pairs(near, language, near=FAR)}


def _cut(words: str) -> list[str]:
    """Forum posts without a full stop, and texts that are none, in pieces that can be read and quoted."""
    pieces = []
    while len(words) > LONGEST_SENTENCE:
        at = max(words.rfind(mark, LONGEST_SENTENCE // 3, LONGEST_SENTENCE) for mark in (", ", "; ", " "))
        at = at if at > 0 else LONGEST_SENTENCE
        pieces.append(words[:at + 1].strip())
        words = words[at + 1:].strip()
    return [*pieces, words]


# ---- Wishes


def _wishes(sentences: list[Sentence], language: str) -> tuple[list[_Wish], NoNeed | None]:
    wishes, refused = [], None
    for number, sentence in enumerate(sentences):
        folded, denied = _without_denied(sentence.folded, language)
        want = WANTS[language].search(folded)
        ask = ASKS[language].search(folded) or _is_question(sentence, folded, language)
        if OTHER_QUESTIONS[language].search(folded):
            continue
        if not want and not ask:
            refused = refused or (NoNeed.DENIED if denied else None)
            continue
        if UNREAL[language].search(folded):
            refused = NoNeed.UNREAL
            continue
        place = want.end() if want else None
        if want and ask and not any(_offset(sentence, mention.start) >= want.end() for mention in sentence.mentions):
            place = None  # "Names for a roofer, please: we would like to begin in May."
        wishes.append(_wish(sentences, number, place, folded, language))
    return wishes, refused


def _is_question(sentence: Sentence, folded: str, language: str) -> bool:
    """``Dog walker near Wash Park?``: a thing with a question mark, or a question that begins with its word."""
    is_asked, has_word = sentence.text.rstrip(" )\"'").endswith("?"), bool(QUESTION_WORDS[language].search(folded))
    return is_asked or has_word if sentence.mentions else is_asked and has_word


def _without_denied(folded: str, language: str) -> tuple[str, bool]:
    """What is denied is blanked, up to the end of its clause, so that places in the text stay."""
    denied = False
    for found in list(DENIES[language].finditer(folded)):
        clause = _CLAUSE.search(folded, found.end())
        end = clause.start() if clause else len(folded)
        folded, denied = folded[:found.start()] + " " * (end - found.start()) + folded[end:], True
    return folded, denied


def _wish(sentences: list[Sentence], number: int, want_end: int | None, folded: str, language: str) -> _Wish:
    sentence = sentences[number]
    said = [mention for mention in sentence.mentions if not _is_blank(folded, sentence, mention)]
    after = [mention for mention in said if want_end is None or _offset(sentence, mention.start) >= want_end]
    object_tokens = [token for token in sentence.tokens if want_end is None or token.start >= want_end]
    named = _weighted(after, sentence)
    if not named and want_end is not None:
        is_vague = _is_vague(object_tokens, language)
        rest = _weighted(said, sentence)
        named = {name: weight * (PURPOSE if is_vague else UNLIKELY) // 100 for name, weight in rest.items()}
        if not named:
            named = _beside(sentences, number, BESIDE if is_vague else UNLIKELY)
    elif not named:
        named = _beside(sentences, number, BESIDE)
    named = _refined(sentences, number, named)
    if max(named.values(), default=0) < ACROSS:
        named = {**_across(sentences, number, language), **named}
    strength = 100 if want_end is not None or named else 80
    return _Wish(number, strength, named, content_stems(object_tokens[:14], language))


def _offset(sentence: Sentence, token: int) -> int:
    """Folding can change the length of a text; places are compared in the folded one."""
    return len(fold(sentence.text[:sentence.tokens[token].start]))


def _is_blank(folded: str, sentence: Sentence, mention: Mention) -> bool:
    start = _offset(sentence, mention.start)
    return folded[start:start + 2].isspace()


def _weighted(mentions: list[Mention], sentence: Sentence) -> dict[str, int]:
    """The first thing named is what is wanted; things joined to it by "or" and "and" as well."""
    weights: dict[str, int] = {}
    first_end, weight = None, 100
    for mention in mentions:
        if first_end is not None and mention.start >= first_end:
            weight = min(weight, _weight_after(sentence, first_end, mention.start))
        if first_end is None or (weight >= JOINED and mention.end > first_end):
            first_end = mention.end
        weights[mention.concept] = max(weights.get(mention.concept, 0), weight)
    return weights


def _weight_after(sentence: Sentence, end: int, start: int) -> int:
    """Of what is named between ``end`` and ``start`` later: "a plumber or electrician", "somebody to fix the roof"."""
    between = [token.folded for token in sentence.tokens[end:start]]
    gap = sentence.text[sentence.tokens[end - 1].end:sentence.tokens[start].start]
    if len(between) <= 3 and (JOINS & set(between) or gap.strip() in {",", "/", "&", "+", "-"}):
        return JOINED
    return PURPOSE if AIMS & set(between) and not set(";,") & set(gap) else LATER


def _is_vague(tokens: list[Token], language: str) -> bool:
    """Whether the words after "looking for" name no thing of their own."""
    grammar = FUNCTION[language] | VAGUE
    for token in tokens[:5]:
        if token.folded in STANDS_FOR_ALL:
            return True
        if token.folded not in grammar and not token.folded.isdigit() and len(token.folded) > 2:
            return False
    return True


def _beside(sentences: list[Sentence], number: int, weight: int) -> dict[str, int]:
    """What the sentences around name, the nearest first; the title counts as near."""
    for step, place in enumerate((number - 1, number - 2, 0, number + 1, number - 3, number - 4)):
        if 0 <= place < len(sentences) and place != number:
            named = _weighted(sentences[place].mentions, sentences[place])
            if named:
                return {name: one * weight * (100 if step < 3 else 80) // 10_000 for name, one in named.items()}
    return {}


def _refined(sentences: list[Sentence], number: int, named: dict[str, int]) -> dict[str, int]:
    """"A lawyer", after a sentence about a green card, is one for immigration."""
    near = {mention.concept for one in sentences[max(0, number - 2):number + 2] for mention in one.mentions}
    near |= {mention.concept for mention in sentences[0].mentions}
    finer = {name: named[concepts()[name].wider] for name in near if concepts()[name].wider in named}
    return {name: max(named.get(name, 0), finer.get(name, 0)) for name in named | finer}


# ---- Reasons against


def _why_not(sentences: list[Sentence], language: str, wishes: list[_Wish]) -> NoNeed | None:
    whole = " \n ".join(one.folded for one in sentences)
    if SETTLED[language].search(whole):
        return NoNeed.SETTLED
    sells_home = any("realtor" in wish.concepts for wish in wishes)
    if not sells_home and any(OFFERS[language].search(one.folded) for one in sentences):
        return NoNeed.OFFERED
    return None


# ---- When, and for how much


def _when(sentences: list[Sentence], wishes: list[_Wish], best: _Wish, language: str) -> str:
    """In the sentence chosen, in the others that want something, then wherever a time is a bound."""
    wanting = dict.fromkeys((best.sentence, *(wish.sentence for wish in wishes)))
    bound = [number for number, one in enumerate(sentences) if BOUND.search(one.folded)]
    for number in dict.fromkeys((*wanting, *bound)):
        found = WHEN[language].search(sentences[number].folded)
        if found:
            sentence = sentences[number]
            inside = [token for token in sentence.tokens
                      if found.start() <= len(fold(sentence.text[:token.start])) < found.end()]
            return sentence.text[inside[0].start:inside[-1].end] if inside else found[0]
    return ""


def _budget(sentences: list[Sentence]) -> tuple[int, str | None] | None:
    """The most they would spend: the largest sum that stands after "up to", "budget", "I can spend"..."""
    sums = []
    for sentence in sentences:
        for found in find_sums(sentence.folded):
            cue = SPENDS.search(sentence.folded[max(0, found.start - 30):found.start + 1])
            after = SPENDS.search(sentence.folded[found.end:found.end + 14])
            is_sum = found.currency or found.is_round or (cue and found.main >= 300 and not 1900 <= found.main <= 2100)
            is_measure = _MEASURE.match(sentence.folded[found.end:])
            if is_sum and (cue or after) and not is_measure and found.main >= 20:
                sums.append((int(found.main), found.currency))
    return max(sums, default=None, key=lambda one: one[0])
