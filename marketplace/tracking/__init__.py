"""How what a referrer sets off comes back to them: links and clicks out, conversions in. In this order:

    links        a referrer's link for a bounty, and the code that is said aloud
    destinations where a bounty's links lead, with UTM templates; domains: whose site that is
    click_ids    the signed id that a click carries along: it alone is enough to credit the referrer
    redirects    /r/<code> in front of the application: a redirect and a line in a file
    spools       those files, one a process; taking_in: a worker brings their lines into the database
    marking      which clicks do not count: programs, prefetches, repeats
    click_figures  how many clicks a link had, day by day
    cards        the link as a picture and as a card to print

``models`` has the tables, by theme.
"""
