"""What businesses offer. Read the modules in the order of a bounty's life:

    drafting     writing and changing an offer; changed terms are a new number, never an edit
    preview      what would I earn? the one place that explains a reward's arithmetic
    publishing   live, paused, closed: publishing needs funds for at least one reward
    board        what is on offer: words, category, place, newest or highest reward first

``lifecycle`` has the table of states; ``queries`` what may be seen; ``permissions`` who may act.
"""
