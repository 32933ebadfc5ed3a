"""Who is here and what they may do as which person: in the order in which somebody arrives.

    signup confirmation signin passwords   a person comes, proves the address, comes back, forgets
    profile businesses members                     a business is founded, its people join and leave
    api_keys admins                        programs act for a person; platform staff
    letters notices links password_rules   the mails, their promise, the links in them, what a password must be
    permissions queries schemas            who may, who sees, what comes over the wire
    session pages                          who is asking (Flask-Login), and the HTML
"""
