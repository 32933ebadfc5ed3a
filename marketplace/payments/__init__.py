"""Money in, money kept, money out. Knows nothing of leads: what money is for is an opaque reference.

    ledger           the only writer of entries; the database itself refuses what does not balance
    ledger_checks    what must hold, as queries that find what breaks it
    funding          a business pays in by Stripe Checkout
    funds            a bounty's free funds, and what is reserved of them for one lead
    refunds          free funds go back to the original charges
    payees           a referrer's connected account at Stripe; countries where there can be one
    payables         what is released and owed to a payee, and taking part of it back
    transfers        money to a connected account
    reversals        money back out of a sent transfer
    sending          ask, commit, send, settle: how a call that moves money happens once
    webhooks         Stripe's word: checked, stored once; events: what each sets off
    reconciliation   the ledger beside Stripe's own balance
    jobs             the names under which all of this is promised
    stripe_gateway   the only module that calls Stripe; stripe_readings: its answers in our words
    sandbox/         a Stripe of our own for development and tests

``lifecycle`` has the tables of states; ``queries`` what may be seen; ``permissions`` who may act.
"""
