"""A start with a missing or unsafe setting is refused, and each one is named with what to do."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.settings import NEEDED, Settings, UnsafeSettings, find_faults
from scripts.processes import generated_secrets

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent


def development(**changed: str | None) -> dict[str, str]:
    return _with(generated_secrets() | {
        "FINGERPOST_ENV": "development", "DATABASE_URL": "sqlite:///x.sqlite", "PUBLIC_URL": "http://127.0.0.1:5000",
        "STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_API_BASE": "http://127.0.0.1:5001", "MAIL_DIR": "mail",
        "FETCH_ALLOW": "127.0.0.1:5000", "CLOCK_FILE": "clock"}, changed)


def production(**changed: str | None) -> dict[str, str]:
    return _with(generated_secrets() | {
        "FINGERPOST_ENV": "production", "DATABASE_URL": "postgresql+psycopg://fp:secret@db/fp", "PUBLIC_URL": "https://fingerpost.example/",
        "STRIPE_SECRET_KEY": "sk_live_x", "SMTP_URL": "smtp://fp:secret@mail.example:587", "MAIL_FROM": "Fingerpost <hello@fingerpost.example>",
    }, changed)


def _with(env: dict[str, str], changed: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**env, **changed}.items() if value is not None}


BOTH = (development, production)


@pytest.mark.parametrize("env", BOTH)
def test_whole_and_safe_settings_start(env):
    assert find_faults(env()) == []
    settings = Settings.from_env(env(STRIPE_WEBHOOK_SECRETS="whsec_a, whsec_b", PROXY_HOPS="1", PLATFORM_COUNTRY="DE"))
    assert settings.production is (env is production)
    assert settings.stripe_webhook_secrets == ("whsec_a", "whsec_b") and settings.proxy_hops == 1
    limits = Settings.from_env(env(TRANSFER_BATCHES="hourly", TRANSFER_APPROVAL_ABOVE="usd 500, eur 80"))
    assert (limits.transfer_batches, limits.transfer_approval_above) == ("hourly", {"usd": 500, "eur": 80})
    assert settings.transfer_batches == ("nightly" if env is production else "at_once")
    assert (settings.platform_country, Settings.from_env(env()).platform_country) == ("DE", "US")
    assert not settings.public_url.endswith("/")


def test_a_restricted_key_and_the_scheme_postgresql_will_do():
    assert find_faults(production(STRIPE_SECRET_KEY="rk_live_x", DATABASE_URL="postgresql://db/fp")) == []
    assert find_faults(development(STRIPE_SECRET_KEY="rk_test_x", MAIL_DIR=None, SMTP_URL="smtps://mail.example")) == []


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("env", BOTH)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_each_missing_setting_is_named(env, name, value):
    if (name, value) == ("STRIPE_WEBHOOK_SECRETS", ""):
        assert any("STRIPE_WEBHOOK_SECRETS" in fault for fault in find_faults(env(STRIPE_WEBHOOK_SECRETS="")))
        return
    assert find_faults(env(**{name: value})) == [f"set {name} (see .env.example)"]


def test_all_faults_are_told_at_once():
    with pytest.raises(UnsafeSettings) as refused:
        Settings.from_env({"FINGERPOST_ENV": "production"})
    said = str(refused.value)
    assert said.startswith("Fingerpost does not start:\n  - ")
    assert all(f"set {name} " in said for name in (*NEEDED, "SMTP_URL", "MAIL_FROM"))


@pytest.mark.parametrize("kind", [None, "", "prod", "Production", "test"])
def test_what_kind_of_start_it_is_is_never_guessed(kind):
    assert find_faults(production(FINGERPOST_ENV=kind)) == [
        "set FINGERPOST_ENV to development or production (make run does it for you)"]


@pytest.mark.parametrize(("env", "name", "value", "said"), [
    (production, "STRIPE_SECRET_KEY", "sk_test_x", "is a test key"),
    (production, "STRIPE_SECRET_KEY", "rk_test_x", "is a test key"),
    (development, "STRIPE_SECRET_KEY", "sk_live_x", "is a live key"),
    (development, "STRIPE_SECRET_KEY", "rk_live_x", "is a live key"),
    (production, "FLASK_DEBUG", "1", "turn it off"),
    (production, "FLASK_DEBUG", "true", "turn it off"),
    (production, "DATABASE_URL", "sqlite:///x.sqlite", "needs PostgreSQL"),
    (production, "DATABASE_URL", "sqlite+pysqlite:////x.sqlite", "needs PostgreSQL"),
    (production, "PUBLIC_URL", "http://fingerpost.example", "must start with https://"),
    (production, "SMTP_URL", None, "set SMTP_URL"),
    (production, "MAIL_FROM", None, "set MAIL_FROM"),
    (production, "STRIPE_API_BASE", "http://127.0.0.1:5001", "for development only"),
    (production, "MAIL_DIR", "mail", "for development only"),
    (production, "FETCH_ALLOW", "127.0.0.1:5000", "for development only"),
    (production, "CLOCK_FILE", "clock", "for development only"),
    (development, "MAIL_DIR", None, "set MAIL_DIR"),
])
def test_what_is_unsafe_for_this_kind_of_start_is_refused(env, name, value, said):
    faults = find_faults(env(**{name: value}))
    assert len(faults) == 1 and name in faults[0] and said in faults[0]


@pytest.mark.parametrize(("name", "value", "said"), [
    ("SECRET_KEY", "short", "shorter than 32 characters"),
    ("HASH_KEY", "x" * 31, "shorter than 32 characters"),
    ("STRIPE_SECRET_KEY", "pk_test_x", "starts with sk_live_"),
    ("STRIPE_SECRET_KEY", "x", "starts with sk_live_"),
    ("STRIPE_WEBHOOK_SECRETS", "secret", "starts with whsec_"),
    ("STRIPE_WEBHOOK_SECRETS", "whsec_a,b", "starts with whsec_"),
    ("ENCRYPTION_KEYS", "k1:short", "is not a Fernet key"),
    ("ENCRYPTION_KEYS", "no colon", "id:key"),
    ("DATABASE_URL", "mysql://db/fp", "postgresql+psycopg://"),
    ("DATABASE_URL", "not an address", "postgresql+psycopg://"),
    ("PUBLIC_URL", "fingerpost.example", "https://"),
    ("PLATFORM_COUNTRY", "us", "country of our own Stripe account"),
    ("PLATFORM_COUNTRY", "Germany", "country of our own Stripe account"),
    ("TRANSFER_BATCHES", "weekly", "nightly, hourly, at_once"),
    ("TRANSFER_APPROVAL_ABOVE", "10000", "usd 10000, eur 8000"),
    ("TRANSFER_APPROVAL_ABOVE", "usd 10000 eur", "usd 10000, eur 8000"),
    ("PROXY_HOPS", "one", "number of proxies"),
    ("PROXY_HOPS", "-1", "number of proxies"),
    ("PROXY_HOPS", "²", "number of proxies"),
    ("SMTP_URL", "mail.example", "smtp://user:password@host:port"),
    ("SMTP_URL", "smtp://mail.example:port", "SMTP_URL cannot be used"),
    ("MAIL_FROM", "Fingerpost", "MAIL_FROM cannot be used"),
])
@pytest.mark.parametrize("env", BOTH)
def test_what_could_not_work_is_refused_at_the_start(env, name, value, said):
    faults = find_faults(env(**{name: value}))
    assert any(name in fault and said in fault for fault in faults)


def test_no_secret_is_shown_by_a_refusal_or_by_the_settings_themselves():
    env = production()
    shown = repr(Settings.from_env(env))
    secrets = [env[name] for name in ("SECRET_KEY", "HASH_KEY", "ENCRYPTION_KEYS", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS",
                                      "DATABASE_URL", "SMTP_URL")]
    assert not [secret for secret in secrets if secret in shown]
    bad = production(SECRET_KEY="hunter2", ENCRYPTION_KEYS="k1:hunter2", STRIPE_SECRET_KEY="hunter2",
                     DATABASE_URL="mysql://fp:hunter2@db", SMTP_URL="hunter2")
    assert "hunter2" not in "\n".join(find_faults(bad))


def test_the_server_says_it_in_plain_words_and_stops():
    env = {"PATH": os.environ["PATH"], "FINGERPOST_ENV": "production", "STRIPE_SECRET_KEY": "sk_test_x"}
    refused = subprocess.run([sys.executable, "-c", "import wsgi"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "STRIPE_SECRET_KEY is a test key: production needs a live one" in refused.stderr


def test_every_setting_is_explained_in_the_example():
    explained = (ROOT / ".env.example").read_text()
    read = {*NEEDED, "FINGERPOST_ENV", "SMTP_URL", "MAIL_FROM", "RATE_LIMIT_STORAGE", "PROXY_HOPS", "PLATFORM_COUNTRY",
            "TRANSFER_BATCHES", "TRANSFER_APPROVAL_ABOVE",
            "STRIPE_API_BASE", "MAIL_DIR", "FETCH_ALLOW", "CLOCK_FILE"}
    assert [name for name in sorted(read) if f"{name}=" not in explained] == []
