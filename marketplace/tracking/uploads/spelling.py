"""In which letters a file is written, and what parts its cells: found out from its beginning, corrected by a person."""
import codecs
import csv
from collections import Counter
from collections.abc import Iterator

import charset_normalizer

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
# UTF-16 is turned into UTF-8 as it arrives; which of the others it is, only a reader can tell for sure.
ENCODINGS = {"utf-8": "UTF-8", "cp1252": "Western (Windows-1252)", "cp1250": "Central European (Windows-1250)",
             "cp1251": "Cyrillic (Windows-1251)", "mac_roman": "Western (old Macintosh)",
             "cp932": "Japanese (Shift JIS)",
             "gb18030": "Chinese (GB 18030)"}
MOST_CELLS = 500  # Of a row.
LOOKED_AT = 200  # Rows, to find the separator.


def wide_encoding(beginning: bytes) -> str | None:
    """UTF-16 by its mark, or by every other byte being NUL, as spreadsheets write "Unicode text"."""
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = beginning[:2_000]
    if len(sample) >= 8:
        if sample[1::2].count(0) > len(sample) // 3:
            return "utf-16-le"
        if sample[::2].count(0) > len(sample) // 3:
            return "utf-16-be"
    return None


def guess_encoding(lines: bytes) -> str:
    """For a file that is no UTF-8, from some lines that show it. One of ENCODINGS; the person sees it and may correct
    it."""
    known = [one for one in ENCODINGS if one != "utf-8"]
    best = charset_normalizer.from_bytes(lines[:20_000], cp_isolation=known).best()
    return best.encoding if best and best.encoding in ENCODINGS else "cp1252"


def guess_separator(text: str) -> str:
    """By which most rows have as many cells as the heading, and more than one. A comma where nothing parts them."""
    def fitting(separator: str) -> tuple[int, int]:
        rows = (row for row in read_rows(text, separator) if row)
        widths = Counter(len(row) for _, row in zip(range(LOOKED_AT), rows, strict=False))
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        return (count, width) if width > 1 else (0, 0)
    return max(SEPARATORS, key=fitting)


def read_rows(text: str, separator: str) -> Iterator[list[str] | None]:
    """The rows as they are: empty ones as [], those that cannot be read as a row as None."""
    reader = csv.reader(_lines(text), delimiter=separator)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # A quote that is never closed, a line end of another kind.
            yield None
        else:
            yield row if len(row) <= MOST_CELLS else None


def _lines(text: str) -> list[str]:
    """Parted by line ends alone: str.splitlines would part at a form feed as well."""
    return [f"{line}\n" for line in text.replace("\0", "").removesuffix("\n").split("\n")]
