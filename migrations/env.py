"""Run by Alembic: the application's own engine and models, one transaction for each migration."""
from alembic import context
from flask import current_app

from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, UtcDateTime

migrate = current_app.extensions["migrate"]
PLAIN = {UtcDateTime: "sa.DateTime(timezone=True)", EncryptedText: "sa.Text()"}


def write_plainly(kind, thing, autogen_context):
    """Our column types as what they are in the database: a migration must not change when our code does."""
    return PLAIN.get(type(thing), False) if kind == "type" else False


def leave_out_empty(context_, revision, directives) -> None:
    """No file for a change that changes nothing."""
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []


def is_ours(thing, name, kind, reflected, compare_to) -> bool:
    """The full-text indexes are written by hand, for each database its own: no model knows them."""
    return not (name or "").startswith("bounty_words_found")


if context.is_offline_mode():
    raise SystemExit("Migrations read the database they change: run them without --sql.")

with migrate.db.engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, transaction_per_migration=True,
        render_item=write_plainly, include_object=is_ours, process_revision_directives=leave_out_empty)
    with context.begin_transaction():
        context.run_migrations()
