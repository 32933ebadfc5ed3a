"""People whom a business brings from another programme: ``uploads`` keeps them, here they are invited and answer.

    inviting     the business says: write to them; they say yes, and keep their code, or no
    lifecycle    the states of an invitation
    letters      the one mail that they get
"""
