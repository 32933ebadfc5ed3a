"""Why Stripe lets no money go to an account, in plain words."""

# Codes of a capability's status_details (docs.stripe.com/api/v2/core/accounts/object).
REASONS = {
    "determining_status": "Stripe is still finding out whether it can pay you.",
    "requirements_past_due": "Stripe asked for something and did not get it in time.",
    "requirements_pending_verification": "Stripe is checking what you sent.",
    "restricted_other": "Stripe has paused it for a reason of its own, and says more to you than to us.",
    "unsupported_business": "Stripe does not pay out for what you told it you do.",
    "unsupported_country": "Stripe does not pay out to your country for us.",
    "unsupported_entity_type": "Stripe does not pay out to this kind of account.",
}
UNNAMED = "Stripe has paused your account and has not told us why."


def reason_in_words(code: str | None) -> str:
    return REASONS.get(code or "", UNNAMED)
