"""Words as they are compared: folded, stemmed in their language; and what people need, by concept, in four of them."""
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowballstemmer.basestemmer import BaseStemmer

LANGUAGES = {"en": "english", "de": "german", "es": "spanish", "fr": "french"}
SHORTER, LONGER = 1, 3  # Letters by which a form of a word differs from the one in the list.
NEAR = 10  # Words between the two parts of a pair like "sell+house".
_TOKEN = re.compile(r"[^\W_]+")
# The commonest words of each: they tell the language, and carry no meaning of their own.
FUNCTION_WORDS = {
    "en": """a an and are as at be been but by can could did do does for from get got had has have he her his i if in
        into is it its just like me more my no not of on one or our out she so some than that the their them
        then there they this to too up us very was we were what when where which who why will with would you
        your im ive dont""",
    "de": """aber alle als am an auch auf aus bei bin bis das dass dem den der des die doch du ein eine einem einen
        einer er es fur gern habe haben hat hatte ich ihr im in ist ja jetzt kann konnt man mehr mein meine mit
        nach nicht noch nur ob oder schon sehr sich sie sind so uber um und uns unser unsere unserer vom von war
        was weil welche welches wenn wer wie wieder wir wird wo wurde zu zum zur""",
    "es": """a al algo alguien alguna algun como con cual de del desde donde el ella en entre era es esta este esto
        ha hay he hemos la las lo los mas me mi mis muy nada ni no nos o para pero por que se ser si sin sobre
        son soy su sus te tengo todo tu un una unos y ya yo vosotros os""",
    "fr": """a ai au aux avec bien ce ces cette c comme d dans de des du elle en est et il ils j je l la le les leur
        ma mais mes moi mon n ne nos notre nous on ont ou par pas plus pour qu que quelqu qui s sa se ses si son
        sont sur t tout tres tu un une vos votre vous y""",
}


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION = {language: words_of(words) for language, words in FUNCTION_WORDS.items()}
# What a short post says of its language, where it has no grammar.
SEEKING = {
    "en": words_of("looking need needs want wanted anyone anybody recommend recommendations please thanks any"),
    "de": words_of("suche suchen gesucht brauche brauchen kennt jemand empfehlung empfehlungen danke bitte maximal"),
    "es": words_of("busco buscamos necesito quiero recomendais maximo gracias vendo"),
    "fr": words_of("cherche recherche besoin connaissez maxi merci vends"),
}

# An English noun that takes the one before it for its own: "a car seat", "a kitchen knife".
TAKES_OVER = words_of("""
seat rack stand knife boots shorts cover case pattern book books music parts wash app sheet blanket mat mats rental
magazine game games movie novel podcast documentary history museum joke meme poster sticker model toy costume recipe
colour color lock helmet light lights jersey gloves bag cushion cleaner charger insurance loan show expo race club
forum accessories tools mover movers bench theory songs keyboard tickets
""")


@dataclass(frozen=True)
class Token:
    """``folded``: lower case, without accents. ``start`` and ``end`` are places in the text it was read from."""

    text: str
    folded: str
    start: int
    end: int


@dataclass(frozen=True)
class Concept:
    """Something people need. ``wider`` names the concept it is a kind of, or is empty."""

    name: str
    category: str
    wider: str
    label: str


@dataclass(frozen=True)
class Mention:
    """A concept named by the tokens from ``start`` up to ``end``."""

    concept: str
    start: int
    end: int


@dataclass(frozen=True)
class Phrase:
    """Words that stand one after the other, by their stems; ``lengths`` keep "natural" from "naturalization"."""

    stems: tuple[str, ...]
    lengths: tuple[int, ...]

    def stands_in(self, stems: list[str], tokens: list[Token], start: int) -> bool:
        end = start + len(self.stems)
        return tuple(stems[start:end]) == self.stems and all(
            -SHORTER <= len(token.folded) - length <= LONGER
            for token, length in zip(tokens[start:end], self.lengths, strict=True))


@dataclass
class _Table:
    """The words of one language: phrases by their first stem, parts of compounds, pairs by their parts."""

    phrases: dict[str, list[tuple["Phrase", str]]] = field(default_factory=dict)
    exact: dict[str, str] = field(default_factory=dict)  # A bookkeeper is not bookkeeping, though of one stem.
    wildcards: list[tuple[re.Pattern[str], str]] = field(default_factory=list)
    parts: dict[str, list[tuple["Phrase", int]]] = field(default_factory=dict)
    pairs: list[tuple[frozenset[int], str]] = field(default_factory=list)


def fold(text: str) -> str:
    """Case, accents and kinds of apostrophe do not tell words apart."""
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("\u2019", "'")
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def tokens_of(text: str) -> list[Token]:
    return [Token(found[0], fold(found[0]), found.start(), found.end()) for found in _TOKEN.finditer(text)]


def language_of(tokens: list[Token], *, said: str | None = None) -> str:
    """One of LANGUAGES by the commonest words, or ``other``; ``said`` (by the page) decides a text of few words."""
    counts = {language: sum(token.folded in words or token.folded in SEEKING[language] for token in tokens)
              for language, words in FUNCTION.items()}
    best = max(counts, key=lambda language: counts[language])
    if counts[best] >= 2 and counts[best] * 8 >= len(tokens):
        return best
    if said in LANGUAGES:
        return str(said)
    if counts[best] and len(tokens) < 12:
        return best
    return "en" if len(tokens) < 8 and all(token.folded.isascii() for token in tokens) else "other"


@cache
def _stemmer(language: str) -> "BaseStemmer":
    import snowballstemmer  # noqa: PLC0415 - it brings every language

    return snowballstemmer.stemmer(LANGUAGES.get(language, "english"))


@lru_cache(maxsize=65_536)
def stem(folded: str, language: str) -> str:
    return str(fold(_stemmer(language).stemWord(folded[:40])))


def content_stems(tokens: list[Token], language: str) -> list[str]:
    """What the words say beyond grammar, each once, in their order."""
    words = FUNCTION.get(language, frozenset()) | FUNCTION["en"]
    return list(dict.fromkeys(
        stem(token.folded, language) for token in tokens if token.folded not in words and len(token.folded) > 1))


@cache
def concepts() -> dict[str, Concept]:
    return {concept.name: concept for concept, _ in _lines()}


def find_far_pairs(tokens: list[Token], language: str, *, near: int) -> list[Mention]:
    """Pairs whose parts stand in neighbouring sentences: "Mila is six. We need a teacher. The piano is tuned."."""
    found = []
    for spoken in dict.fromkeys((language if language in LANGUAGES else "en", "en")):
        stems = [stem(token.folded, spoken) for token in tokens]
        found += [Mention(concept, places[0], places[-1] + 1)
                  for places, concept in _pairs(_table(spoken), stems, tokens, near)]
    return found


def find_mentions(tokens: list[Token], language: str) -> list[Mention]:
    """Concepts that the tokens name, the longest words first: "car seat" is not a car. In the order of the text."""
    found: dict[tuple[int, int], set[str]] = {}
    paired: dict[int, set[str]] = {}
    for spoken in dict.fromkeys((language, "en")) if language in LANGUAGES else LANGUAGES:
        table = _table(spoken)
        stems = [stem(token.folded, spoken) for token in tokens]
        for start, end, concept in _phrases(table, stems, tokens):
            found.setdefault((start, end), set()).add(concept)
        for places, concept in _pairs(table, stems, tokens):
            for place in places:
                paired.setdefault(place, set()).add(concept)
            found.setdefault((min(places), min(places) + 1), set()).add(concept)
    longest: list[Mention] = []
    for (start, end), named in sorted(found.items()):
        is_inside = any(s <= start and end <= e and (s, e) != (start, end) for s, e in found)
        kept = named & paired.get(start, set()) if is_inside or (end - start == 1 and start in paired) else named
        longest += [Mention(concept, start, end) for concept in sorted(kept)]
    return longest


def _phrases(table: _Table, stems: list[str], tokens: list[Token]) -> Iterator[tuple[int, int, str]]:
    for start, first in enumerate(stems):
        if tokens[start].folded in table.exact:
            yield start, start + 1, table.exact[tokens[start].folded]
            continue
        for phrase, concept in table.phrases.get(first, ()):
            end = start + len(phrase.stems)
            if phrase.stands_in(stems, tokens, start) and not _is_taken_over(tokens, end):
                yield start, end, concept
        for concept in _compound(tokens[start].folded, id(table)):
            yield start, start + 1, concept


def _is_taken_over(tokens: list[Token], end: int) -> bool:
    """Whether the next word makes another thing of the ones before it."""
    if end >= len(tokens) or tokens[end].folded not in TAKES_OVER:
        return False
    return tokens[end].start - tokens[end - 1].end == 1


@lru_cache(maxsize=65_536)
def _compound(folded: str, table_id: int) -> tuple[str, ...]:
    table = next(one for one in map(_table, LANGUAGES) if id(one) == table_id)
    return tuple(concept for pattern, concept in table.wildcards if pattern.fullmatch(folded))


def _pairs(table: _Table, stems: list[str], tokens: list[Token], near: int = NEAR) -> Iterator[tuple[list[int], str]]:
    places: dict[int, list[tuple[int, int]]] = {}
    for start, first in enumerate(stems):
        for phrase, number in table.parts.get(first, ()):
            end = start + len(phrase.stems)
            if phrase.stands_in(stems, tokens, start) and not _is_taken_over(tokens, end):
                places.setdefault(number, []).append((start, end))
    if len(places) < 2:
        return
    for numbers, concept in table.pairs:
        if not numbers <= places.keys():
            continue
        one, other = sorted(numbers)
        close = [(a, b) for a in places[one] for b in places[other] if a != b and abs(a[0] - b[0]) <= near]
        if close:
            (a, b) = min(close, key=lambda two: abs(two[0][0] - two[1][0]))
            yield sorted({*range(*a), *range(*b)}), concept


@cache
def _table(language: str) -> _Table:
    table = _Table()
    numbers: dict[Phrase, int] = {}
    for concept, words in _lines():
        for word in words[language]:
            if word.startswith("="):
                table.exact[fold(word[1:])] = concept.name
            elif "*" in word:
                pattern = re.escape(fold(word).strip("*"))
                before, after = (".*" if word[place] == "*" else "" for place in (0, -1))
                table.wildcards.append((re.compile(before + pattern + after), concept.name))
            elif "+" in word:
                parts = [_stems(part, language) for part in word.split("+")]
                for part in parts:
                    if part not in numbers:
                        numbers[part] = len(numbers)
                        table.parts.setdefault(part.stems[0], []).append((part, numbers[part]))
                table.pairs.append((frozenset(numbers[part] for part in parts), concept.name))
            else:
                phrase = _stems(word, language)
                table.phrases.setdefault(phrase.stems[0], []).append((phrase, concept.name))
    return table


def _stems(words: str, language: str) -> Phrase:
    tokens = tokens_of(words)
    return Phrase(tuple(stem(token.folded, language) for token in tokens), tuple(len(token.folded) for token in tokens))


@cache
def _lines() -> tuple[tuple[Concept, dict[str, list[str]]], ...]:
    read = []
    for line in (Path(__file__).parent / "need_words.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            names, label, *columns = (part.strip() for part in line.split("|"))
            category, _, name = names.partition(" ")
            name, _, wider = name.partition("<")
            words = {language: [word for word in re.split(r"\s*,\s*", column) if word and word != "-"]
                     for language, column in zip(LANGUAGES, columns, strict=True)}
            read.append((Concept(name, category, wider, label), words))
    return tuple(read)
