"""Naughty strings in the cells of files: of each kind of file one with them as words, one where a value has to read."""
import csv
import io
from collections.abc import Callable, Iterator, Sequence

from marketplace.identity.models import Business
from marketplace.tracking.models import Upload, UploadState
from tests.bad_input.naughty import strings
from tests.browsing import Browser
from tests.tracking.upload_steps import checked, fresh, take

FAIR = {"id": "row-{}", "date": "2026-11-02", "amount": "5.00", "email": "row{}@example.com", "name": "Pia", "code": "",
        "customer id": "", "fp_click": "", "lead id": "", "currency": "usd", "type": "sale", "status": "paid"}
FILLED = (  # What kind of file, and which of its columns.
    ("conversions", ("id", "code", "customer id", "fp_click", "lead id")),
    ("conversions", ("date", "amount", "email", "currency", "type")),
    ("partners", ("name", "code")), ("partners", ("email",)),
    ("past_rewards", ("id", "status")), ("past_rewards", ("date", "amount", "email", "currency")),
)


def words() -> list[str]:
    """Without those that make a file no text: such a one is refused whole."""
    return [one for one in strings() if "\0" not in one]


def file_of(columns: Sequence[str], chosen: Sequence[str]) -> str:
    """A row for each string, in all of these columns; fair cells in the others."""
    written = io.StringIO()
    sheet = csv.DictWriter(written, [*FAIR])
    sheet.writeheader()
    for number, word in enumerate(chosen):
        fair = {name: cell.format(number) for name, cell in FAIR.items()}
        sheet.writerow(fair | dict.fromkeys(columns, word))
    return written.getvalue().encode("utf-8", "replace").decode()


def take_files(
    business: Business, browser: Browser, work: Callable[[], int], chosen: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Each is checked and taken; what broke: of which file, and what."""
    for purpose, columns in FILLED:
        of = f"a file of {purpose} with naughty {', '.join(columns)}"
        upload = checked(business, file_of(columns, chosen), work, purpose=purpose, days="ymd", decimals="point", currency="usd")
        yield from ((of, one) for one in _amiss(upload, UploadState.CHECKED, len(chosen)))
        if upload.state is UploadState.CHECKED and any(upload.counts.get(one, 0) for one in ("earns", "counted", "kept")):
            take(upload, work)
            upload = fresh(upload.id)
            yield from ((of, one) for one in _amiss(upload, UploadState.TAKEN, len(chosen)))
        for path in (f"/uploads/{upload.id}", f"/uploads/{upload.id}/rows.csv", f"/businesses/{business.id}/conversions",
                     f"/businesses/{business.id}/partners", f"/businesses/{business.id}/uploads"):
            answer = browser.get(path)
            if answer.status_code != 200 or not answer.data:
                yield of, f"{path} answers {answer.status_code}"


def _amiss(upload: Upload, wanted: UploadState, least: int) -> Iterator[str]:
    """Blank strings leave a row of fair cells, so there are as many rows as strings, and lines inside cells besides none."""
    if upload.state is not wanted:
        yield f"stays {upload.state.value}"
    if sum(upload.counts.values()) != least:
        yield f"{upload.counts} of {least} rows"
