"""What happened to a lead, in words: which of it who reads, by kinds of happenings."""
from marketplace.referrals.audience import Audience
from marketplace.referrals.said_bought import CONFIRMED, DENIED, SAID, UNANSWERED

R, B, A, Y = Audience.REFERRER, Audience.BUSINESS, Audience.ADMIN, Audience.BUYER
EVERYONE = frozenset(Audience)
INSIDERS = frozenset({R, A})

# Told in the words of disputes/witness_words.py.
WITNESS = ("witness.asked", "witness.answered", "witness.corrected")

Told = tuple[frozenset[Audience], str, str]  # Who reads it, in which words, in which tone.

# The post, and what was given with it.
THE_POST: dict[str, Told] = {
    "evidence.captured": (INSIDERS, "The post was read and kept", "info"),
    "evidence.unavailable": (INSIDERS, "The post could not be read", "warn"),
    "evidence.given": (INSIDERS, "The text was given by the referrer", "info"),
    "evidence.pending": (INSIDERS, "The post is read again", "info"),
    "evidence.unchanged": (INSIDERS, "Looked at again: the post stands as it was", "ok"),
    "evidence.still_there": (INSIDERS, "Looked at again: the page changed, the sentence still stands", "info"),
    "evidence.quote_gone": (INSIDERS, "Looked at again: the sentence is gone from the page", "warn"),
    "evidence.page_gone": (INSIDERS, "Looked at again: the page is gone", "warn"),
    "evidence.file_given": (INSIDERS, "A file was given as evidence", "info"),
    "evidence.file_taken": (frozenset({A}), "A file of the evidence was opened", "mute"),
    "evidence.file_seen": (frozenset({A}), "A picture of the evidence was looked at", "mute"),
}

# What moderators decided, and where the lead stands for it.
DECISIONS: dict[str, Told] = {
    "lead.submitted": (INSIDERS | {Y}, "Pointed out", "info"),
    "lead.came": (EVERYONE, "The buyer came by a link or a code; funds reserved", "ok"),
    "lead.in_review": (INSIDERS, "Waiting for a moderator", "info"),
    "lead.waits_for_funds": (INSIDERS, "It waits for the bounty’s funds", "warn"),
    "lead.has_funds": (INSIDERS, "The bounty’s funds for it have come", "info"),
    "lead.needs_info": (INSIDERS, "A question to the referrer", "warn"),
    "lead.escalated": (frozenset({A}), "Passed on to another admin", "warn"),
    "lead.escalation_taken_back": (frozenset({A}), "Not passed on after all", "mute"),
    "lead.taken_over": (frozenset({A}), "Taken over from another admin", "mute"),
    "lead.accepted": (EVERYONE, "Accepted by moderation; funds reserved", "ok"),
    "lead.rejected": (INSIDERS, "Not accepted", "bad"),
    "lead.duplicate": (INSIDERS, "Kept as a duplicate", "warn"),
    "lead.withdrawn": (INSIDERS, "Taken back by the referrer", "mute"),
    "lead.protected": (INSIDERS | {B}, "The referrer’s protection lasts longer", "mute"),
    "lead.expired": (EVERYONE, "Ended", "mute"),
    "lead.lowered": (EVERYONE, "The law of a place leaves less than the terms say", "warn"),
}

# What the buyer was asked and said, and who had their data.
THE_BUYER: dict[str, Told] = {
    "buyer.found_same": (frozenset({A}), "One buyer with another lead, an admin says", "warn"),
    "buyer.found_different": (frozenset({A}), "Another buyer than that of a like lead, an admin says", "info"),
    "buyer.ruling_undone": (frozenset({A}), "What an admin had said of the two was taken back", "mute"),
    "consent.asked": (EVERYONE, "The buyer was asked", "info"),
    "consent.given": (frozenset({A, Y}), "The buyer answered; the address is confirmed next", "info"),
    "consent.granted": (EVERYONE, "The buyer said yes", "ok"),
    "consent.refused": (INSIDERS | {Y}, "The buyer said no", "mute"),
    "consent.postponed": (INSIDERS | {Y}, "The buyer asked to be asked again later", "info"),
    "buyer.not_them": (INSIDERS, "The link reached somebody else", "warn"),
    "consent.no_answer": (EVERYONE, "The buyer did not answer", "mute"),
    "consent.withdrawn": (EVERYONE, "The buyer took the yes back", "warn"),
    "contact.opened": (frozenset({A, B, Y}), "The business opened the contact data", "info"),
    "case.opened": (frozenset({Y}), "", "mute"),
    "post.opened": (frozenset({Y}), "", "mute"),
    "buyer.erased": (frozenset({R, B, A}), "What was kept of the buyer was erased", "mute"),
    "buyer.erasure_asked": (frozenset({A}), "The buyer asked to be erased; something is to be settled first", "warn"),
    **dict.fromkeys(WITNESS, (EVERYONE, "", "info")),
}

# What became of their “I bought it”.
THEIR_WORD: dict[str, Told] = {
    SAID: (EVERYONE, "The buyer said that they bought; the business is asked", "info"),
    CONFIRMED: (EVERYONE, "The business says that they bought", "ok"),
    UNANSWERED: (EVERYONE, "The business did not answer in time: it counts as the buyer says", "ok"),
    DENIED: (EVERYONE, "The business says that there was no purchase", "warn"),
}

# How far the business came with them.
TALKS: dict[str, Told] = {
    "stage.undone": (frozenset({A}), "Not open to the business after all", "mute"),
    "stage.new": (frozenset({A}), "Open for the business to work on", "mute"),
    "stage.introduced": (EVERYONE, "In touch", "info"),
    "stage.qualified": (EVERYONE, "Qualified: a real need, says the business", "info"),
    "stage.meeting": (EVERYONE, "Meeting", "info"),
    "stage.negotiation": (EVERYONE, "Negotiating", "info"),
    "stage.won": (EVERYONE, "Sold", "ok"),
    "stage.lost": (EVERYONE, "Lost", "warn"),
    "stage.unqualified": (EVERYONE, "Not a fit", "warn"),
    "sale.refunded": (frozenset({R, B, A}), "Part of the sale was refunded", "warn"),
    "renewals.ended": (EVERYONE - {Y}, "No renewal follows, says the business", "mute"),
}

# Rewards in money, and what becomes of them.
MONEY: dict[str, Told] = {
    "reward.pending": (frozenset({R, B, A}), "Reward earned; it waits out the return period", "ok"),
    "funds.frozen": (frozenset({R, B, A}), "Its funds were frozen: the bank disputes the business’s payment", "warn"),
    "funds.thawed": (frozenset({R, B, A}), "Its funds are back", "ok"),
    "transfers.stopped": (frozenset({R, A}), "Its transfer is stopped", "warn"),
    "transfers.resumed": (frozenset({R, A}), "Its transfer may go again", "ok"),
    "reward.on_hold": (frozenset({R, B, A}), "Reward put on hold", "warn"),
    "reward.payable": (frozenset({R, B, A}), "Reward released", "ok"),
    "reward.scheduled": (frozenset({R, B, A}), "Reward put into a transfer", "info"),
    "reward.paid": (frozenset({R, B, A}), "Reward paid to a Stripe account", "ok"),
    "reward.voided": (frozenset({R, B, A}), "Reward voided", "bad"),
    "clawback.taken": (frozenset({R, B, A}), "Part of the reward was taken back", "warn"),
    "reward.held_longer": (frozenset({R, B, A}), "The return period is two weeks longer", "warn"),
    "split.proposed": (INSIDERS, "A split of the reward was proposed", "info"),
    "split.agreed": (INSIDERS, "Everybody agreed to the split: it is fixed", "ok"),
    "split.passed_on": (INSIDERS, "What the referrer kept of the split is shared with the other referrer", "info"),
    "split.declined": (INSIDERS, "Somebody said no to the split", "warn"),
    "split.withdrawn": (INSIDERS, "The split was taken back", "mute"),
    "clawback.outstanding": (frozenset({R, B, A}), "A part to take back could not be had yet; we ask again", "warn"),
}

# The buyer's share, and what is not money.
SHARES_AND_THINGS: dict[str, Told] = {
    "share.waiting": (EVERYONE, "The buyer is asked what becomes of their share", "info"),
    "share.taken": (EVERYONE, "The buyer takes the share as money", "info"),
    "share.donated": (EVERYONE, "The buyer gives the share to the cause", "info"),
    "share.declined": (EVERYONE, "The buyer’s share goes back to the business", "mute"),
    "kind.passed_on": (EVERYONE - {Y}, "Owed to the other referrer, a dispute decided", "warn"),
    "kind.owed": (EVERYONE - {Y}, "Owed, not in money", "ok"),
    "kind.offered": (EVERYONE - {Y}, "Offered by the business", "info"),
    "kind.fulfilled": (EVERYONE - {Y}, "Done by the business", "ok"),
    "kind.acknowledged": (EVERYONE - {Y}, "Thanked for", "ok"),
    "kind.declined": (EVERYONE - {Y}, "Not wanted", "mute"),
    "kind.forgiven": (EVERYONE - {Y}, "Forgiven: owed no more", "mute"),
    "kind.expired": (EVERYONE - {Y}, "Ended before it was given", "warn"),
}

# Signs of fraud, and what a person found.
DOUBTS: dict[str, Told] = {
    "fraud.held": (EVERYONE - {Y}, "A person looks at it", "warn"),
    "fraud.stopped": (EVERYONE - {Y}, "A person has to decide about it", "warn"),
    "fraud.kept": (EVERYONE - {Y}, "The look takes longer", "warn"),
    "fraud.let_go": (EVERYONE - {Y}, "A person has looked: it goes on", "ok"),
    "fraud.expired": (EVERYONE - {Y}, "Nobody kept it back: it goes on", "ok"),
    "fraud.ended": (EVERYONE - {Y}, "The look ended with the lead", "mute"),
    "fraud.explained": (INSIDERS, "The referrer explained", "info"),
    "fraud.appealed": (INSIDERS, "The referrer appealed: another person decides", "info"),
    "fraud.confirmed": (EVERYONE - {Y}, "A person finds that it is not genuine", "bad"),
    "fraud.proven": (EVERYONE - {Y}, "It stands that it is not genuine", "bad"),
}

# What one side claimed of the other; the sides are named as the reader calls them.
DISPUTES: dict[str, Told] = {
    "dispute.open": (EVERYONE, "A dispute was opened", "warn"),
    "dispute.awaiting_response": (frozenset({A}), "{Respondent} was asked", "info"),
    "dispute.accepted": (EVERYONE, "{Respondent} accepted the dispute", "ok"),
    "dispute.contested": (EVERYONE, "{Respondent} answered: it is contested", "warn"),
    "dispute.escalated": (EVERYONE, "The dispute went to an admin", "info"),
    "dispute.resolved_for_claimant": (EVERYONE, "The dispute ended for {claimant}", "ok"),
    "dispute.resolved_for_respondent": (EVERYONE, "The dispute ended for {respondent}", "ok"),
    "dispute.split": (EVERYONE, "The dispute ended with a split", "ok"),
    "dispute.withdrawn": (EVERYONE, "The dispute was taken back", "mute"),
}

# By action of the trail. What is not in here is read by admins alone, as it was recorded.
WORDS = THE_POST | DECISIONS | THE_BUYER | THEIR_WORD | TALKS | MONEY | SHARES_AND_THINGS | DOUBTS | DISPUTES

# Without an address nobody was asked yet: there is a private page, and the referrer has its link.
PASSED_ON = {
    R: "You were given the private link, to pass on to the buyer", Y: "Your private page was made",
    B: "The referrer was given the private link, to pass on to the buyer",
    A: "The referrer was given the private link, to pass on to the buyer",
}
# What those read instead who did it, or whom it was done to.
TO_REFERRER = {
    "evidence.given": "You gave the text",
    "lead.needs_info": "A question to you",
    "lead.withdrawn": "You took it back",
    "fraud.explained": "You explained",
    "fraud.appealed": "You appealed: another person decides",
    "split.passed_on": "What you kept of the split is shared with the other referrer",
}
TO_BUSINESS = {
    "contact.opened": "You opened the contact data",
    "stage.qualified": "Qualified: a real need",
    "renewals.ended": "No renewal follows",
    "funds.frozen": "Its funds were frozen: the bank disputes your payment",
    "share.declined": "The buyer’s share goes back to you",
    "kind.offered": "Offered by you",
    "kind.fulfilled": "Done by you",
}
TO_BUYER = {
    "lead.submitted": "Somebody pointed at you",
    "lead.accepted": "A moderator accepted it",
    "consent.asked": "You were asked",
    "consent.given": "You answered; your address is confirmed next",
    "consent.granted": "You said yes",
    "consent.refused": "You said no",
    "consent.postponed": "You asked to be asked again later",
    "consent.no_answer": "You did not answer",
    "consent.withdrawn": "You took your yes back",
    "contact.opened": "The business opened your contact data",
    "case.opened": "A moderator looked at it",
    "post.opened": "The business read the sentence that it was given",
    SAID: "You said that you bought; the business is asked",
    CONFIRMED: "The business says that you bought",
    UNANSWERED: "The business did not answer in time: it counts as you said",
    "share.waiting": "You were asked what becomes of your share",
    "share.taken": "You take your share as money",
    "share.donated": "You give your share to the cause",
    "share.declined": "Your share goes back to the business",
}
SPOKEN_TO = {R: TO_REFERRER, B: TO_BUSINESS, Y: TO_BUYER, A: dict[str, str]()}
