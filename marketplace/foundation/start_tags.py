"""Takes the attributes off start tags that are made to be slow: a parser compares each with all before it."""
import re

LONGEST = 4_000  # Characters; a picture kept in its own tag has more.
MOST = 400  # Attributes, at about; 20,000 in one tag take seconds, 100,000 more than a minute (measured).

# A start tag as HTML reads it: quotes count after an equals sign only. Nothing is looked at twice.
_START = re.compile(
    r"""<[a-zA-Z][^\s/>]*+(?:[\s/]++|[^\s/>=][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)?)?|=)*+>?""")
_NAME = re.compile(r"<[a-zA-Z][a-zA-Z0-9:-]{0,40}")


def without_endless_tags(html: str) -> str:
    """The same page, but for tags that no person wrote."""
    return _START.sub(_lightened, html) if len(html) > LONGEST else html


def _lightened(tag: re.Match[str]) -> str:
    whole = tag[0]
    if len(whole) <= LONGEST or len(whole.split()) + whole.count("=") + whole.count("/") <= 2 * MOST:
        return whole
    name = _NAME.match(whole)
    return f"{name[0]}>" if name else ""
