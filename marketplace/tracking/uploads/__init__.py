"""Files of a business become rows here: read, looked at, chosen, taken. Read the modules in this order:

    receiving    a file arrives: refused where it is none, else cut between rows, compressed and encrypted
    spelling     in which letters it is written, and what parts its cells
    columns      what the columns are: guessed from the heading, corrected by a person, remembered for the next file
    values       days, amounts and words of a cell as what they mean
    purposes     the three things that rows can be: conversion_rows, partner_rows, past_reward_rows
    starting     the verbs: begin the check, choose, begin the taking, discard
    chunks       the job: one part of the file after the other, a transaction each, so that nothing is done twice
    outcomes     what came of each row: kept with its part, paged, given as a file of errors
    lifecycle    the states of an upload
    ending       a file that nobody needs any more goes
"""
