"""A lead's way from a post to a reward. Read the modules in this order:

    pointing     someone points a business at a buyer: a URL (or a text), a quote, how they know them
    evidence     a job reads the page and keeps what it said
    duplicates   the same buyer by one mark; nearness: texts that read alike; known_contacts: the business's list
    fraud        signs that add up, and what waits for a person because of them; what a moderator is told
    moderation   an admin accepts, rejects with a reason, or asks for more; silence accepts
    ownership    two referrers, one buyer: whose lead it is; beside: what a moderator sees of it
    appeals      every refusal can be looked at again
    asking       the buyer is asked, once, with one reminder; silence ends it
    consent      the buyer says yes, no or never, and can take it back
    contact      the only door through which a buyer's contact data leaves; reach: what a yes gives by now
    stages       the business works the lead; protection: until when it is the referrer's
    conversion   an event that the bounty pays for, recorded once
    rewards      what it earns: held for the return period, released, paid
    caps         what the bounty's caps have used up; reserving: what stays reserved for a lead
    sharing      several people share it, by a split that all have agreed to
    buyers_share the buyer's part: money, the business's cause, or no
    in_kind      what is owed that is not money
    afterwards   later parts and renewals
    clawbacks    what a refunded sale takes back; returned: what of a reward that came to nothing went back

``lifecycle`` has the tables of states, one per axis; ``timeline`` tells each party its own story in
``story_words``, and ``next_step`` what comes next.
"""
