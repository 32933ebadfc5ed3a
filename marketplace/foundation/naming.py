"""What a thing is called, so that its reader tells it from the others: in lists, in mails and their subjects."""
from dataclasses import dataclass

LONGEST_SUBJECT = 69  # Characters: a line of 78 (RFC 5322) less “Subject: ”.
SHORTEST_TITLE = 14  # What a subject leaves of a title, if it is not that short anyway.


@dataclass(frozen=True)
class Name:
    """``title``: what people know it by; many may have it, and it may be cut. ``of``: whose it is, where that is said.
    The number is its own, and never cut."""

    title: str
    of: str
    day: str
    number: str

    def __str__(self) -> str:
        return ", ".join(in_one_line(one) for one in (self.title, self.of, self.day, f"no. {self.number}") if one)

    def subject(self, what: str) -> str:
        """``what`` happened, then to which; with its day where there is room. One line, whatever line breaks people
        have put into their titles."""
        what, title = in_one_line(what), in_one_line(self.title)
        needed = min(len(title), SHORTEST_TITLE)
        marks = (f", {self.day}, no. {self.number}", f", no. {self.number}")
        rooms = [LONGEST_SUBJECT - len(f"{what}: {mark}") for mark in marks]
        mark, room = next(((mark, room) for mark, room in zip(marks, rooms, strict=True) if room >= needed),
                          (marks[-1], needed))
        return f"{cut(what, LONGEST_SUBJECT - room - len(f': {mark}'))}: {cut(title, room)}{mark}"


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def cut(text: str, longest: int) -> str:
    """``text``, or as many whole words of it as fit, and “…”; of one that is too long by itself, its beginning."""
    if len(text) <= longest:
        return text
    words = text[:longest].rpartition(" ")[0].rstrip(" ,;:.!?-")
    return f"{words or text[:longest - 1]}…"
