"""A person's own particulars."""
from marketplace.foundation import audit
from marketplace.identity.models import User


def rename_user(user: User, name: str) -> None:
    user.name = name
    audit.record("user.renamed", user.id, by=user.id)
