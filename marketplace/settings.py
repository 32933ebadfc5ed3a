"""Secrets and addresses, read once at the start. Business rules live beside the code they rule."""
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from marketplace.foundation.crypto import Cipher
from marketplace.foundation.mail import SmtpPostbox, domain_of

NEEDED = ("SECRET_KEY", "ENCRYPTION_KEYS", "HASH_KEY", "DATABASE_URL", "PUBLIC_URL",
          "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS")
SHORTEST_SECRET = 32  # Characters.
TRANSFER_BATCHES = ("nightly", "hourly", "at_once")
CLICKS = ("spool", "sync")
APPROVAL_LIMIT = r"([a-z]{3}) (\d{1,9})"
DEVELOPMENT_ONLY = ("STRIPE_API_BASE", "MAIL_DIR", "FETCH_ALLOW", "CLOCK_FILE")


class UnsafeSettings(SystemExit):
    """The start is refused, with a sentence per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Fingerpost does not start:\n" + "\n".join(f"  - {fault}" for fault in faults))


@dataclass(frozen=True)
class Settings:
    """See .env.example for what each one means."""

    production: bool
    secret_key: str = field(repr=False)
    encryption_keys: str = field(repr=False)
    hash_key: str = field(repr=False)
    database_url: str = field(repr=False)
    public_url: str
    stripe_secret_key: str = field(repr=False)
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
    stripe_api_base: str | None = None
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "Fingerpost <hello@fingerpost.example>"
    mail_dir: Path | None = None
    fetch_allow: frozenset[str] = frozenset()
    clock_file: Path | None = None
    rate_limit_storage: str = "memory://"
    proxy_hops: int = 0
    platform_country: str = "US"
    transfer_batches: str = "nightly"
    transfer_approval_above: Mapping[str, int] = field(default_factory=dict)
    clicks: str = "spool"
    click_dir: Path = Path("instance/clicks")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Raises UnsafeSettings naming everything that is missing or unsafe, not only the first."""
        faults = find_faults(env)
        if faults:
            raise UnsafeSettings(faults)
        return cls(
            production=env["FINGERPOST_ENV"] == "production",
            secret_key=env["SECRET_KEY"],
            encryption_keys=env["ENCRYPTION_KEYS"],
            hash_key=env["HASH_KEY"],
            database_url=env["DATABASE_URL"],
            public_url=env["PUBLIC_URL"].rstrip("/"),
            stripe_secret_key=env["STRIPE_SECRET_KEY"],
            stripe_webhook_secrets=tuple(s.strip() for s in env["STRIPE_WEBHOOK_SECRETS"].split(",") if s.strip()),
            stripe_api_base=env.get("STRIPE_API_BASE") or None,
            smtp_url=env.get("SMTP_URL") or None,
            mail_from=env.get("MAIL_FROM") or cls.mail_from,
            mail_dir=Path(env["MAIL_DIR"]) if env.get("MAIL_DIR") else None,
            fetch_allow=frozenset(h.strip() for h in env.get("FETCH_ALLOW", "").split(",") if h.strip()),
            clock_file=Path(env["CLOCK_FILE"]) if env.get("CLOCK_FILE") else None,
            rate_limit_storage=env.get("RATE_LIMIT_STORAGE") or cls.rate_limit_storage,
            proxy_hops=int(env.get("PROXY_HOPS") or 0),
            platform_country=env.get("PLATFORM_COUNTRY") or cls.platform_country,
            transfer_batches=env.get("TRANSFER_BATCHES") or (
                "nightly" if env["FINGERPOST_ENV"] == "production" else "at_once"),
            transfer_approval_above={currency: int(units) for currency, units in re.findall(
                APPROVAL_LIMIT, env.get("TRANSFER_APPROVAL_ABOVE", ""))},
            clicks=env.get("CLICKS") or cls.clicks,
            click_dir=Path(env.get("CLICK_DIR") or cls.click_dir),
        )


def find_faults(env: Mapping[str, str]) -> list[str]:
    """Every reason not to start, in words that say what to set."""
    kind = env.get("FINGERPOST_ENV", "")
    if kind not in {"development", "production"}:
        return ["set FINGERPOST_ENV to development or production (make run does it for you)"]
    faults = [f"set {name} (see .env.example)" for name in NEEDED if not env.get(name)]
    faults += _key_faults(env) + _unusable(env)
    faults += _database_faults(env.get("DATABASE_URL", ""))
    if not re.match(r"https?://[^/\s]", env.get("PUBLIC_URL") or "http://x"):
        faults.append("PUBLIC_URL is this site's address, like https://your.site")
    if not re.fullmatch(r"\d{0,2}", env.get("PROXY_HOPS", ""), re.ASCII):
        faults.append("PROXY_HOPS is the number of proxies in front, like 1")
    if env.get("TRANSFER_BATCHES", "") not in {"", *TRANSFER_BATCHES}:
        faults.append(f"TRANSFER_BATCHES is one of {', '.join(TRANSFER_BATCHES)}")
    if env.get("CLICKS", "") not in {"", *CLICKS}:
        faults.append(f"CLICKS is one of {', '.join(CLICKS)}")
    if not re.fullmatch(rf"({APPROVAL_LIMIT}(\s*,\s*{APPROVAL_LIMIT})*)?", env.get("TRANSFER_APPROVAL_ABOVE", "")):
        faults.append("TRANSFER_APPROVAL_ABOVE is written usd 10000, eur 8000: main units, for each currency")
    if not re.fullmatch(r"[A-Z]{2}", env.get("PLATFORM_COUNTRY") or "US"):
        faults.append("PLATFORM_COUNTRY is the country of our own Stripe account, like US")
    return faults + (_production_faults(env) if kind == "production" else _development_faults(env))


def _key_faults(env: Mapping[str, str]) -> list[str]:
    faults = [f"{name} is shorter than 32 characters: make one with `openssl rand -hex 32`"
              for name in ("SECRET_KEY", "HASH_KEY") if env.get(name) and len(env[name]) < SHORTEST_SECRET]
    if any(not s.strip().startswith("whsec_") for s in env.get("STRIPE_WEBHOOK_SECRETS", "whsec_").split(",")):
        faults.append("each of STRIPE_WEBHOOK_SECRETS starts with whsec_")
    if not re.match(r"[sr]k_(test|live)_", env.get("STRIPE_SECRET_KEY") or "sk_test_"):
        faults.append("STRIPE_SECRET_KEY starts with sk_live_, rk_live_, sk_test_ or rk_test_")
    return faults


def _unusable(env: Mapping[str, str]) -> list[str]:
    """What would break only later, said by the part that uses it."""
    users: dict[str, Callable[[str], object]] = {
        "ENCRYPTION_KEYS": Cipher, "SMTP_URL": SmtpPostbox, "MAIL_FROM": domain_of}
    faults = []
    for name, use in users.items():
        try:
            if env.get(name):
                use(env[name])
        except ValueError as error:
            faults.append(f"{name} cannot be used: {error}")
    return faults


def _database_faults(url: str) -> list[str]:
    try:
        known = not url or make_url(url).get_backend_name() in {"sqlite", "postgresql"}
    except ArgumentError:
        known = False
    return [] if known else ["DATABASE_URL is written sqlite:///... or postgresql+psycopg://user:password@host/name"]


def _production_faults(env: Mapping[str, str]) -> list[str]:
    faults = [f"{name} is for development only: unset it" for name in DEVELOPMENT_ONLY if env.get(name)]
    if "_test_" in env.get("STRIPE_SECRET_KEY", ""):
        faults.append("STRIPE_SECRET_KEY is a test key: production needs a live one")
    if env.get("FLASK_DEBUG", "0") not in {"", "0"}:
        faults.append("FLASK_DEBUG is on: turn it off in production")
    if env.get("DATABASE_URL", "").startswith("sqlite"):
        faults.append("DATABASE_URL is SQLite: production runs several processes and needs PostgreSQL")
    if not (env.get("PUBLIC_URL") or "https://").startswith("https://"):
        faults.append("PUBLIC_URL must start with https://")
    faults += [f"set {name} (see .env.example)" for name in ("SMTP_URL", "MAIL_FROM") if not env.get(name)]
    return faults


def _development_faults(env: Mapping[str, str]) -> list[str]:
    faults = []
    if "_live_" in env.get("STRIPE_SECRET_KEY", ""):
        faults.append("STRIPE_SECRET_KEY is a live key: development uses a test key or the sandbox")
    if not env.get("MAIL_DIR") and not env.get("SMTP_URL"):
        faults.append("set MAIL_DIR (where mails are kept) or SMTP_URL")
    return faults
