"""Naughty strings in every cell of a file: each row gets its outcome, every page shows it, none is lost."""
import pytest

from tests import factories as make
from tests.bad_input.cells import take_files, words

EVERY = 16  # Which strings: a few here, all in `make bench`.


@pytest.mark.once  # What reaches a table is checked before it, as of forms.
def test_each_row_of_naughty_cells_has_its_outcome_and_no_page_breaks(as_user, work):
    business = make.make_business()
    assert list(take_files(business, as_user(make.owner_of(business)), work, words()[::EVERY])) == []
