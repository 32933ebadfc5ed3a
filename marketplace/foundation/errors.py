"""What can go wrong, by what the caller can do about it. Features subclass these five."""
from collections.abc import Mapping


class DomainError(Exception):
    """A refusal: ``code`` for programs, ``message`` for people, ``next_step`` for what to do now."""

    status = 400
    code = "bad_request"

    def __init__(
        self, message: str, *, next_step: str = "", fields: Mapping[str, list[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.fields = dict(fields or {})


class Invalid(DomainError):
    """What was sent cannot be taken as it is: 422."""

    status, code = 422, "invalid"


class Forbidden(DomainError):
    """Known and visible, but not for this person to do: 403."""

    status, code = 403, "forbidden"


class NotFound(DomainError):
    """Not there, or not for these eyes: 404 either way."""

    status, code = 404, "not_found"


class Conflict(DomainError):
    """Right in itself, but not now: 409."""

    status, code = 409, "conflict"


def require(allowed: object, action: str) -> None:
    """Refuse with 403 unless ``allowed``; asked first thing in every verb."""
    if not allowed:
        raise Forbidden(f"You may not {action}.", next_step="Ask someone with the right role to do it.")
