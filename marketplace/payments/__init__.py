"""Money in, money kept, money out. Knows nothing of leads: what money is for is an opaque reference.

    ledger           the only writer of entries; the database itself refuses what does not balance
    funding          a business pays in by Stripe Checkout
    refunds          unreserved funds go back to the original charges
    payees           a referrer's connected account at Stripe
    payables         what is released and owed to a payee
    transfers        ask, commit, send, settle: money to a connected account
    reversals        money back out of a sent transfer
    webhooks         Stripe's word: checked, stored once, handled by a job
    stripe_gateway   the only module that calls Stripe
    sandbox/         a Stripe of our own for development and tests
"""
