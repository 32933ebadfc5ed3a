"""A Stripe of our own for machines without a key: it speaks Stripe's published API and moves no real money.

A separate process (``python -m marketplace.payments.sandbox``) that knows nothing of bounties. In the order of a call:
``application`` (WSGI, the order of checks) · ``encoding`` (v1 forms, v2 JSON) · ``faults`` (planned trouble) ·
``idempotency`` · ``routes`` (the API's table) · ``customers`` ``checkout`` ``payment_intents`` ``charges`` ``cards``
``accounts`` ``transfers`` ``refunds``
``balances`` ``own_money`` ``events`` (one Stripe resource each) · ``webhooks`` (signed deliveries) ·
``store`` (one SQLite file) · ``pages`` (hosted pages to click) · ``discrepancies`` (books that disagree) ·
``control`` (the ``/_sandbox/`` door of tests and demos).
"""
from marketplace.payments.sandbox.application import Sandbox, create_sandbox

__all__ = ["Sandbox", "create_sandbox"]
