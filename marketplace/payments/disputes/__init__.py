"""Bad days: a payer's bank wants its money back.

``chargebacks`` follows Stripe's dispute, ``freezing`` keeps the disputed sum apart and gives it back, ``debts`` is what
the business owes when its funds did not suffice; ``warnings`` before it comes to that, ``by_hand`` refunds made in
Stripe's own pages, ``unmatched`` payments that matched nothing, ``answers`` what we tell the bank.

Payments freezes what is free at once. Which leads and rewards come next, and who waits for it, is told by referrals:
every change promises ``note_bad_day``.
"""
