"""Promises a letter to a person about their own sign-in."""
from marketplace.foundation import outbox
from marketplace.foundation.ids import new_id
from marketplace.identity.models import User


def promise_letter(letter: str, user: User) -> None:
    """``letter`` is one of LETTERS. ``asked`` keeps two of a kind apart, or mail programs hide the second."""
    outbox.promise("send_letter", letter=letter, user_id=user.id, asked=new_id("ask"))
