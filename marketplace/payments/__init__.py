"""Money in, money kept, money out. Knows nothing of leads: what money is for is an opaque reference.

    ledger           the only writer of entries; the database itself refuses what does not balance
    ledger_checks    what must hold, as queries that find what breaks it
    money_in/        funding by Stripe Checkout; funds, free and reserved; refunds to the original charges
    money_out/       payees and their countries; payables; transfers to connected accounts; reversals of them
    books/           the ledger beside what Stripe says
    sending          ask, commit, send, settle: how a call that moves money happens once
    webhooks         Stripe's word: checked, stored once; events: what each sets off
    jobs             the names under which all of this is promised
    stripe_gateway/  the only package that calls Stripe; stripe_readings: its answers in our words
    sandbox/         a Stripe of our own for development and tests

``models/`` has the tables by theme, ``lifecycle`` the tables of states; ``queries`` what may be seen; ``permissions``
who may act; ``pages/`` HTML by audience.
"""
