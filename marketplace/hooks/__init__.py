"""What happens to a business's leads, consents, conversions, rewards, transfers and disputes is told to its programs.

By the Standard Webhooks specification. Read the modules in this order:

    endpoints    where a business wants to be told, a secret for each; exchanged, the old one is valid for a while
    listeners    which businesses listen at all: known to each process, so that the others cost nothing
    happenings   an audit row becomes an event, in the transaction that writes it
    contents     what an event says of its object: ids, states, amounts, nothing of a person
    sending      signed and posted, in the order of each object, at least once, for three days
    failing      an endpoint that fails for five days is switched off, with a mail
    trying       a test, and what was sent before sent again
    forgetting   events and the log go after thirty days
"""
