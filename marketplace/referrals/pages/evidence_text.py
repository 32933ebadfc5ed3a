"""The text of a post as a moderator reads it: paragraphs, with the quoted words marked. Text only, never HTML."""
from marketplace.foundation.likeness import shared_parts
from marketplace.foundation.quotes import locate_quote

Part = tuple[str, bool]  # (text, whether it is the quote)


def mark_quote(text: str | None, quote: str) -> list[list[Part]]:
    """Paragraphs of parts; a quote that runs over paragraphs is marked in each."""
    if not text:
        return []
    start, end = locate_quote(text, quote) or (0, 0)
    paragraphs, begun = [], 0
    for line in text.split("\n"):
        if line.strip():
            paragraphs.append(_parts(line, max(start - begun, 0), max(end - begun, 0)))
        begun += len(line) + 1
    return paragraphs


def mark_shared(text: str | None, other: str | None) -> list[list[Part]]:
    """Paragraphs of parts, marked where the same three words in a row stand in ``other`` too."""
    paragraphs: list[list[Part]] = [[]]
    for words, is_shared in shared_parts(text or "", other or ""):
        first, *lines = words.split("\n")
        paragraphs[-1].append((first, is_shared))
        paragraphs += [[(line, is_shared)] for line in lines]
    return [kept for paragraph in paragraphs if (kept := [part for part in paragraph if part[0].strip()])]


def _parts(line: str, start: int, end: int) -> list[Part]:
    parts = [(line[:start], False), (line[start:end], True), (line[end:] if end > start else line[start:], False)]
    return [(words, is_quote) for words, is_quote in parts if words]
