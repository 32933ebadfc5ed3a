"""Tools with no word of the domain in them. Imports nothing from the rest of marketplace.

    clock ids money states errors   small values and the words for what went wrong
    db outbox audit idempotency     rows, one transaction, promised jobs, who did what, once
    crypto urls dialling fetch      secrets; addresses that strangers give us, and how they are opened safely
    reading mail letters            pages from outside, and what we write to people
    web fields paging limits show   what every route needs: forms and errors, values in, pages of rows, values out
    openapi                         the JSON API's document, from the same schemas
"""
