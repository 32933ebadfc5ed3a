"""One side claims something of another: said, answered, decided, and every sum that follows from it posted.

    kinds        what each kind is about: who claims, who answers, what it is called
    lifecycle    the states and what may follow them; the only writer of a dispute's state
    permissions  who speaks for which side, who may rule
    subjects     what a claim is about, whether it is in time, and what is at issue
    opening      a claim is made; who has lost many waits for an admin
    answering    accept, contest, add a word, go to an admin, take back
    clocks       reminders; silence is for the claimant
    freezing     the sum at issue waits, and no more
    witness      the buyer is asked what happened, by a private link
    witness_words  what they say by now, and what came of it, as each reader reads it
    ruling       an admin decides, with a reason that both sides read
    remedies     what the end of a dispute posts, by the verbs that earn and take back
    queries      who sees what; the queue; what stands beside a record
    letters      both sides, the witness and the admins are told
    words        each state in plain words
"""
