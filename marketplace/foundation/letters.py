"""A letter to a person: plain sentences, a list where it counts up things, at most one button; as text and as HTML."""
from collections.abc import Sequence

from flask import current_app, render_template

from marketplace.foundation.mail import Mail
from marketplace.foundation.naming import Name

BECAUSE = "You get this mail because it is about you, or about a business of yours, on Fingerpost."
TO_ADMINS = "You get this mail because you are an admin of Fingerpost."
NEEDS_ANOTHER = ("It is for an admin who has not decided about it before and has no stake in it, and there is none. "
                 "Let somebody sign up whom you trust with it, then make them one: flask make-admin their@address.")


def compose(
    to: str, subject: str, *paragraphs: str | Sequence[str], name: str = "", action: tuple[str, str] | None = None,
    why: str = BECAUSE, foot: tuple[str, str] | None = None, about: Name | None = None,
) -> Mail:
    """``paragraphs``: the first a sentence; several strings at once are a list. ``action``, and ``foot`` at the very
    end, are (label, absolute URL). ``about``: of what it speaks, in the subject too.

    Nothing personal belongs into ``subject``: it shows on lock screens.
    """
    context = {
        "title": subject, "about": about, "paragraphs": paragraphs, "why": why,
        "greeting": f"Hello {name}," if name else "Hello,",
        "action": {"label": action[0], "href": action[1]} if action else None,
        "foot": {"label": foot[0], "href": foot[1]} if foot else None,
        "site_name": "Fingerpost", "site_url": public_url("/"),
    }
    return Mail(to=to, subject=about.subject(subject) if about else subject,
                text=render_template("emails/letter.txt", **context),
                html=render_template("emails/letter.html", **context))


def public_url(path: str) -> str:
    """``path`` on this site as the outside world writes it."""
    return f"{current_app.extensions['settings'].public_url}{path}"
