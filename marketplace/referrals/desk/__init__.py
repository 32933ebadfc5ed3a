"""The moderators' desk, in the order of a case:

claims        who has a lead open, so that two do not collide; the next one
deciders      who may decide it now: not whom it concerns, not who passed it on, not twice the same on an appeal
escalating    to another admin, with a note
record        what was decided, kept
ruling        one buyer or two: an answer that waits like a decision
telling       nobody is told for a while, and until then it can be undone
as_told       a lead as everybody but the moderators knows it
letters       what admins are told
figures       how old the queue is, how fast it is worked, how often a decision is overturned
"""
