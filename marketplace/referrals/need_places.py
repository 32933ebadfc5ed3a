"""Which places a post names. Many cities are called like common words, so a name without "in" needs a capital."""
from marketplace.bounties.words import FUNCTION, Token, fold, words_of
from marketplace.foundation.places import Place, find_places, parse_place

MOST_PLACES = 6
LONGEST_NAME = 4  # Words.
_BEFORE_WORDS = {
    "en": "in near around to from at within outside of downtown between greater east west north south central metro "
          "based visit lovely sunny into",
    "de": "in bei nach aus um raum von nahe im ab zwischen rund grossraum region ins und umkreis stadtteil",
    "es": "en de a por cerca desde hacia zona por entre para y barrio",
    "fr": "a en de pres vers sur autour dans chez du entre et des d aux rue",
}
_BEFORE = {language: words_of(words) for language, words in _BEFORE_WORDS.items()}
_ARTICLES = {"new", "los", "las", "la", "el", "le", "les"}  # A place's name may begin with one.
SMALL, LARGE = 20_000, 150_000  # People: the name of a larger one is taken for it more easily.
_LEAVING = {"from", "left"}  # "We moved from Denver to Austin": where they were is not where they are.
_MOVED = {"moved", "moving", "relocated", "relocating", "move"}
# Places that are words: they count only before a state or a country.
_WORDS = words_of("""
nice same reading bath mobile orange essen date both most bar male gap man best ham sale deal hove march august lage
regen hof singen baden weil split bitter normal bend buy of the we our can may will as is are so to in an on at us it
he she you all any one two ten new old big see here los las van den der die das ein eine san santa mit bei von und auf
wer was wie wo ich sie por con una para que casa villa costa mar sol rio luz paz cruz leon moto mesa vista chico grand
union liberty independence surprise enterprise paradise cary ames bell gary hurst joy marion hope hill lake garden
grove clay cook page parker victor temple sherman tyler jackson lincoln madison florence charlotte chelsea carson
dallas? roses rose reno? wien? melle celle halle wangen buch berg burg dorf wald feld stein stadt bonn? herne plan
trier? ulm? tours brest mans nantes? angers vienne auch sens die pau lens albi alter zug baar thun brig visp chur
aarau wil uster horn like laptop piano solar auto kia ford tesla wolf bus camper truck bike dog cat mila otto jen
david mike ana maria jose juan carlos george washington? jordan chad turkey? china? georgia guinea toda alta baja
nueva nuevo bueno buena sur norte este oeste real montes toro moral coin ajax barrie vaughan milton hamm
""")
_AMBIGUOUS = _WORDS - {word for word in _WORDS if word.endswith("?")}


def places_in(sentences: list[list[Token]], *, text: str, language: str) -> tuple[tuple[Place, ...], ...]:
    """Each place named, with everything that its name can mean."""
    is_careless = text == text.lower()
    found: dict[str, tuple[Place, ...]] = {}
    for tokens in sentences:
        taken = 0
        for start in range(len(tokens)):
            if start < taken:
                continue
            for length in range(min(LONGEST_NAME, len(tokens) - start), 0, -1):
                meant = _meant(tokens, start, length, language, is_careless=is_careless)
                if meant:
                    taken = start + length
                    if not _is_left_behind(tokens, start):
                        found.setdefault(" ".join(t.folded for t in tokens[start:start + length]), meant)
                    break
    return tuple(found.values())[:MOST_PLACES]


def _meant(tokens: list[Token], start: int, length: int, language: str, *, is_careless: bool) -> tuple[Place, ...]:
    words = tokens[start:start + length]
    folded = " ".join(token.folded for token in words)
    if not _may_be_name(words, folded, language, is_careless=is_careless):
        return ()
    meant = find_places(folded) or (find_places(folded.replace(" ", "-")) if length > 1 else ())
    follower = tokens[start + length] if start + length < len(tokens) else None
    if meant and follower and _is_code(follower, meant):
        return parse_place(f"{folded}, {follower.text}") or meant
    if not meant or folded in _AMBIGUOUS or (length == 1 and folded in FUNCTION["en"]):
        return ()
    before = tokens[start - 1].folded if start else ""
    is_led = before in _BEFORE.get(language, frozenset()) or before in _BEFORE["en"]
    is_large = meant[0].kind != "city" or meant[0].people >= LARGE
    is_clear = is_large and words[0].text[:1].isupper() and (language != "de" or start > 0)
    needs_leading = is_careless or language == "de" or start == 0 or len(folded) < 3 or not (
        meant[0].kind != "city" or meant[0].people >= SMALL)
    return meant if is_led or (is_clear and len(folded) > 2) or not needs_leading else ()


def _may_be_name(words: list[Token], folded: str, language: str, *, is_careless: bool) -> bool:
    if len(folded) < 3 and folded not in {"us", "uk", "sf", "la"}:
        return False
    if words[0].folded in FUNCTION[language] and words[0].folded not in _ARTICLES:
        return False
    return is_careless or words[0].text[:1].isupper()


def _is_code(token: Token, meant: tuple[Place, ...]) -> bool:
    """``CO`` after Aurora, or the state's whole name."""
    if any(token.text and token.text in {place.state, place.country} for place in meant):
        return True
    wider = [one for one in find_places(fold(token.text)) if one.kind in {"state", "country"}]
    inside = {(place.country, place.state) for place in meant}
    return token.text[:1].isupper() and any((one.country, one.state) in inside for one in wider)


def _is_left_behind(tokens: list[Token], start: int) -> bool:
    before = [token.folded for token in tokens[max(0, start - 4):start]]
    after = [token.folded for token in tokens[start:start + 6]]
    return bool(before) and before[-1] in _LEAVING and bool(_MOVED & set(before)) and "to" in after
