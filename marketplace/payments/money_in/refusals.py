"""Why a bank refused a payment, in words for people. Stripe's own words are for the program's makers."""

# Stripe's decline codes (docs.stripe.com/declines/codes). The rest say "refused" and no more, as banks want it.
PLAIN_WORDS = {
    "insufficient_funds": "There was not enough money on the card.",
    "expired_card": "The card has expired.",
    "authentication_required": "The bank wants you to confirm this payment yourself.",
    "lost_card": "The bank has blocked the card.",
    "stolen_card": "The bank has blocked the card.",
    "pickup_card": "The bank has blocked the card.",
    "card_not_supported": "The card does not allow payments like this one.",
    "currency_not_supported": "The card does not allow payments in this currency.",
    "card_velocity_exceeded": "The card has reached the limit that the bank set for it.",
    "withdrawal_count_limit_exceeded": "The card has reached the limit that the bank set for it.",
    "processing_error": "The bank could not be reached.",
    "debit_not_authorized": "The payer’s bank sent the debit back as not authorised.",
    "resource_missing": "The card is no longer kept at Stripe.",
    "payment_method_unexpected_state": "The card is no longer kept at Stripe.",
}
REFUSED = "The bank refused the payment and gave no reason."
NOT_GONE_THROUGH = "The payment did not go through."


def put_code_plainly(code: str | None) -> str:
    return PLAIN_WORDS.get(code or "", REFUSED)


def put_refusal_plainly(said: str | None) -> str:
    """Of a payment whose bank said no days later."""
    return f"{NOT_GONE_THROUGH} The bank says: {said}" if said else NOT_GONE_THROUGH
