"""Every column that can hold words of or about a person has its line; a new one without fails."""
from pathlib import Path

import pytest
from sqlalchemy import Enum, LargeBinary, String

import marketplace.app  # noqa: F401 - so that every table is known
from marketplace.foundation.crypto import EncryptedBytes, EncryptedText
from marketplace.foundation.db import Base
from marketplace.privacy.impersonal import IMPERSONAL
from marketplace.privacy.kinds import KINDS, columns_of

pytestmark = pytest.mark.once


def _can_hold_words(column):
    """Text, JSON or bytes that is no key, no state and no id of a row here or at Stripe."""
    kind = getattr(column.type, "impl", column.type)
    is_wordy = isinstance(kind, String | LargeBinary) or type(kind).__name__ == "JSON"
    is_id = column.name == "id" or column.name.endswith("_id") or column.foreign_keys
    return is_wordy and not isinstance(column.type, Enum) and not is_id


def _columns(wanted):
    return {f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.columns if wanted(column)}


def _personal():
    return {f"{table}.{column}" for table, columns in columns_of(*KINDS).items() for column in columns}


def _impersonal():
    return {f"{table}.{column}" for columns in IMPERSONAL.values() for table, names in columns.items() for column in names.split()}


def test_every_column_that_can_hold_words_is_in_one_list():
    assert _columns(_can_hold_words) - _personal() - _impersonal() == set()
    assert _personal() & _impersonal() == set()


def test_what_is_encrypted_is_personal():
    assert _columns(lambda column: isinstance(column.type, EncryptedText | EncryptedBytes)) - _personal() == set()


def test_no_line_outlives_its_column():
    assert (_personal() | _impersonal()) - _columns(lambda column: True) == set()


def test_the_page_about_privacy_says_of_each_kind_how_long():
    said = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
    assert [kind.name for kind in KINDS if f"| {kind.name} | {kind.whose.value} | {kind.kept} |" not in said] == []
