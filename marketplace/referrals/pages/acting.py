"""A form that does one thing: one verb in one transaction, and the sentence that says what happened."""
from collections.abc import Callable

from flask import flash

from marketplace.foundation.db import transaction
from marketplace.foundation.web import Form


def is_done(form: Form, verb: Callable[[], str]) -> bool:
    """Whether ``verb`` did it, and its sentence is told. A refusal stays with the form, beside what was typed."""
    said = ""
    if form.is_ready:
        with form.keeping():
            with transaction():
                said = verb()
            flash(said, "ok")
    return bool(said)
