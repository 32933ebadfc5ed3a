"""How Stripe says no: one exception, written as v1 or as v2 asks."""
from typing import Any


class Refusal(Exception):
    """An error answer. ``remembered`` tells whether idempotency replays it (not so before execution begins)."""

    def __init__(
        self, message: str, *, status: int = 400, type: str = "invalid_request_error", code: str | None = None,
        param: str | None = None, remembered: bool = True, headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.type, self.code, self.param = message, status, type, code, param
        self.remembered, self.headers = remembered, headers or {}

    def body(self, *, v2: bool) -> dict[str, Any]:
        if v2:
            error = {"code": self.code or "invalid_fields", "message": self.message}
            if self.type == "idempotency_error":
                error = {**error, "code": "idempotency_error", "type": "idempotency_error"}
            return {"error": error}
        error = {"type": self.type, "message": self.message}
        return {"error": error | {name: value for name, value in (("code", self.code), ("param", self.param)) if value}}


def missing(kind: str, object_id: str, *, param: str = "id") -> Refusal:
    code = "not_found" if kind.startswith("v2.") else "resource_missing"
    return Refusal(f"No such {kind}: '{object_id}'", status=404, code=code, param=param)


def bad_parameter(message: str, param: str, code: str = "parameter_invalid") -> Refusal:
    return Refusal(message, code=code, param=param, remembered=False)
