"""Tools with no word of the domain in them. Imports nothing from the rest of marketplace.

    clock ids money states errors   small values and the words for what went wrong
    db outbox audit idempotency     rows, one transaction, promised jobs, who did what, once
    crypto urls fetch reading mail  secrets, addresses, pages from outside, letters
    web paging                      what every route needs
"""
