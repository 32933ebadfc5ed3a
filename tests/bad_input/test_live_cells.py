"""No spreadsheet that the product writes runs what somebody typed. Every kind of formula in `make bench`, a few here."""
import pytest

from tests.bad_input.doors import House
from tests.bad_input.payloads import write_everywhere
from tests.bad_input.sheets import addresses_of_sheets, formulas, live_cells, sheets_at
from tests.bad_input.world import kept_world

pytestmark = pytest.mark.once


def test_no_cell_of_any_sheet_is_live(app, keep, settings_env):
    house = House(app, kept_world(keep, settings_env))
    sheets = addresses_of_sheets(house)
    assert len(sheets) >= 4
    for formula in formulas()[::41]:
        write_everywhere(formula)
        for address, reader in sheets:
            live = [cell for sheet in sheets_at(house, address, reader) for cell in live_cells(sheet)]
            assert live == [], f"{address} with {formula!r}"
    house.close()


def test_a_live_cell_would_be_seen():
    assert live_cells('"x","=1+1"\r\n') and live_cells('"x;=1"\r\n') and not live_cells('"x","\'=1+1","-5.00"\r\n')
