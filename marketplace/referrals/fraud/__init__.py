"""Signs of fraud add up to a score; a score makes a lead or a reward wait for a person. No rule rejects anybody.

    rules       each sign as data: when it is looked for, its weight, what admins and the person concerned read
    addresses   what the domain of a mail address tells: everybody's, thrown away, a firm's own
    facts       what the database knows that a rule asks for, in few indexed queries for each point
    scoring     the look: facts -> score, kept for good, with what follows from it
    cases       what waits for a person: kept, let go, confirmed, appealed, ended by its clock or with its lead
    effects     what waiting means for the lead, its rewards and what is owed already
    queries     the queue, the history of both sides, what stands on the pages
    words       what happens next, one sentence for each reader
    letters     what both sides are told
"""
