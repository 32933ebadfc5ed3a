"""A person's own particulars."""
from marketplace.foundation import audit
from marketplace.identity.models import User


def rename_user(user: User, name: str) -> None:
    user.name = name
    audit.record("user.renamed", user.id, by=user.id)


def say_home(user: User, jurisdiction: str) -> None:
    """Whose law counts where they live, by ISO 3166: ``US-CA``; "" takes it back."""
    if user.jurisdiction != jurisdiction:
        user.jurisdiction = jurisdiction
        audit.record("user.home_said", user.id, by=user.id)
