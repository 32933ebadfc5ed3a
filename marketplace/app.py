"""Puts the parts together. The only module that knows them all."""
from datetime import timedelta
from functools import lru_cache

import heroicons.jinja
from flask import Flask
from flask_migrate import Migrate
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from marketplace import cli, dev, home
from marketplace.admin import disputes as admin_disputes
from marketplace.admin import fraud as admin_fraud
from marketplace.admin import funds as admin_funds
from marketplace.admin import gate as admin_gate
from marketplace.admin import ledger as admin_ledger
from marketplace.admin import pages as admin_pages
from marketplace.admin import privacy as admin_privacy
from marketplace.admin import reconciliation as admin_reconciliation
from marketplace.admin import rulings as admin_rulings
from marketplace.admin import transfers as admin_transfers
from marketplace.bounties.api import BLUEPRINTS as BOUNTIES_API
from marketplace.bounties.pages import BLUEPRINTS as BOUNTIES_PAGES
from marketplace.foundation import clock, crypto, error_answers, limits, mail, web
from marketplace.foundation import db as database
from marketplace.foundation.money import plain_amount
from marketplace.foundation.openapi import register_api
from marketplace.foundation.show import register_filters
from marketplace.hooks import api as hooks_api
from marketplace.hooks.happenings import follow_the_trail
from marketplace.hooks.pages import BLUEPRINTS as HOOKS_PAGES
from marketplace.identity import session
from marketplace.identity.api import BLUEPRINTS as IDENTITY_API
from marketplace.identity.pages import BLUEPRINTS as IDENTITY_PAGES
from marketplace.payments import webhooks
from marketplace.payments.api import BLUEPRINTS as PAYMENTS_API
from marketplace.payments.pages import BLUEPRINTS as PAYMENTS_PAGES
from marketplace.payments.stripe_gateway import make_gateway
from marketplace.privacy.pages import BLUEPRINTS as PRIVACY_PAGES
from marketplace.referrals.api import BLUEPRINTS as REFERRALS_API
from marketplace.referrals.pages import BLUEPRINTS as REFERRALS_PAGES
from marketplace.referrals.said_bought import read_words_by
from marketplace.settings import Settings
from marketplace.tracking import in_front as redirects_in_front
from marketplace.tracking.api import BLUEPRINTS as TRACKING_API
from marketplace.tracking.pages import BLUEPRINTS as TRACKING_PAGES
from marketplace.tracking.word_standing import read_words

ICONS = ("heroicon_outline", "heroicon_solid", "heroicon_mini", "heroicon_micro")
PAGES = [
    home.bp, *IDENTITY_PAGES, *BOUNTIES_PAGES, *REFERRALS_PAGES, *PAYMENTS_PAGES, *PRIVACY_PAGES,
    *TRACKING_PAGES, *HOOKS_PAGES,
    admin_pages.bp, admin_privacy.bp,
    admin_disputes.bp, admin_fraud.bp, admin_funds.bp, admin_gate.bp, admin_ledger.bp, admin_reconciliation.bp,
    admin_rulings.bp, admin_transfers.bp,
    webhooks.bp,
]


def create_app(settings: Settings) -> Flask:
    """A WSGI application for ``settings``; nothing is read from the environment here."""
    app = Flask(__name__, template_folder="../templates", static_folder="../static")
    app.config.update(SECRET_KEY=settings.secret_key, PERMANENT_SESSION_LIFETIME=timedelta(days=14))
    app.url_map.redirect_defaults = False  # The buyer's older, longer links are answered as they are.
    app.extensions["settings"] = settings
    app.extensions["gateway"] = make_gateway(settings.stripe_secret_key, api_base=settings.stripe_api_base)
    if settings.clock_file:
        clock.use(clock.shifted_by_file(settings.clock_file))
    crypto.init_app(app, encryption_keys=settings.encryption_keys, hash_key=settings.hash_key)
    database.init_app(app, settings.database_url)
    Migrate(app, database.db, render_as_batch=False)
    mail.init_app(app, smtp_url=settings.smtp_url, mail_from=settings.mail_from, mail_dir=settings.mail_dir)
    limits.init_app(app, settings.rate_limit_storage)
    error_answers.register_error_answers(app)
    web.register_security(app, production=settings.production, form_targets=settings.stripe_api_base or "")
    session.init_app(app)
    _prepare_templates(app)
    register_api(app, [*IDENTITY_API, *BOUNTIES_API, *REFERRALS_API, *PAYMENTS_API, *TRACKING_API, hooks_api.bp])
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    if not settings.production:
        app.register_blueprint(dev.bp)
    cli.register(app)
    follow_the_trail()
    read_words_by(read_words)
    redirects_in_front.init_app(app, folder=settings.click_dir, at_once=settings.clicks == "sync",
                                secure=settings.production, allow=settings.fetch_allow)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _prepare_templates(app: Flask) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        csrf_field=web.csrf_field, plain_amount=plain_amount,
        # Each call parses, copies and writes XML: a seventh of the board's time (make bench). Few are different.
        **{name: lru_cache(maxsize=256)(getattr(heroicons.jinja, name)) for name in ICONS},
    )
    register_filters(app)
    app.context_processor(home.layout_context)
