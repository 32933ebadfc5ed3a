"""Any statement as a PDF: title, parties, period, tables with sums. In whatever letters people's names are written."""
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import FontFace, TTFFont

from marketplace.payments.books.statements_drawn import Statement, Table

MARGIN, LINE = 18, 6  # Millimetres.
TITLE, HEADING, TEXT, SMALL = 20, 12, 10, 8  # Points.
INK, FAINT, RULE = (20, 24, 33), (96, 103, 117), (214, 218, 226)
NOTO = "Noto"

# What Noto Sans itself has no letters for: (first, last character), package, file. docs/decisions/0008-pdf.md.
MORE_FONTS = (
    (0x0530, 0x058F, "manimgx_fonts", "NotoSansArmenian[wght].ttf"),
    (0x0590, 0x05FF, "manimgx_fonts", "NotoSansHebrew[wght].ttf"),
    (0x0600, 0x077F, "manimgx_fonts", "NotoSansArabic[wght].ttf"),
    (0x0900, 0x097F, "manimgx_fonts", "NotoSansDevanagari[wght].ttf"),
    (0x0980, 0x09FF, "manimgx_fonts", "NotoSansBengali[wght].ttf"),
    (0x0A00, 0x0A7F, "manimgx_fonts", "NotoSansGurmukhi[wght].ttf"),
    (0x0A80, 0x0AFF, "manimgx_fonts", "NotoSansGujarati[wght].ttf"),
    (0x0B80, 0x0BFF, "manimgx_fonts", "NotoSansTamil[wght].ttf"),
    (0x0C00, 0x0C7F, "manimgx_fonts", "NotoSansTelugu[wght].ttf"),
    (0x0C80, 0x0CFF, "manimgx_fonts", "NotoSansKannada[wght].ttf"),
    (0x0D00, 0x0D7F, "manimgx_fonts", "NotoSansMalayalam[wght].ttf"),
    (0x0D80, 0x0DFF, "manimgx_fonts", "NotoSansSinhala[wght].ttf"),
    (0x0E00, 0x0E7F, "manimgx_fonts", "NotoSansThai[wght].ttf"),
    (0x10A0, 0x10FF, "manimgx_fonts", "NotoSansGeorgian[wght].ttf"),
    (0x2E80, 0x9FFF, "pylopdf_fonts_jp", "NotoSansJP-Regular.otf"),
    (0xF900, 0xFAFF, "pylopdf_fonts_jp", "NotoSansJP-Regular.otf"),
    (0xFF00, 0xFFEF, "pylopdf_fonts_jp", "NotoSansJP-Regular.otf"),
)


def draw(statement: Statement) -> bytes:
    """A4, page numbers, text that can be searched and copied."""
    pdf = _Paper(format="A4")
    try:
        _draw(pdf, statement)
        return bytes(pdf.output())
    finally:
        for font in pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.close()  # A font that no page needed, or an error on the way, would leave its file open.


def _draw(pdf: FPDF, statement: Statement) -> None:
    pdf.set_title(statement.title)
    pdf.set_creator("Fingerpost")
    pdf.set_creation_date(statement.made_at)
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(True, MARGIN + LINE)
    pdf.add_font(NOTO, "", _file("manimgx_fonts", "NotoSans[wght].ttf"))
    _add_fonts(pdf, _texts(statement))
    pdf.set_text_shaping(True)
    pdf.alias_nb_pages()
    pdf.add_page()
    _write(pdf, statement.title, TITLE, height=10)
    _write(pdf, statement.period, HEADING, colour=FAINT, height=7)
    pdf.ln(LINE)
    for role, lines in statement.parties:
        _write(pdf, role, SMALL, colour=FAINT)
        for line in lines:
            _write(pdf, line, TEXT)
        pdf.ln(LINE // 2)
    for table in statement.tables:
        _draw_table(pdf, table)
    pdf.ln(LINE)
    for note in statement.notes:
        _write(pdf, note, SMALL, colour=FAINT)


class _Paper(FPDF):
    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.set_font(NOTO, size=SMALL)
        self.set_text_color(*FAINT)
        self.cell(0, LINE, f"{self.page_no()} / {{nb}}", align="R")


def _draw_table(pdf: FPDF, table: Table) -> None:
    pdf.ln(LINE)
    if table.title:
        _write(pdf, table.title, HEADING, height=8)
    pdf.set_font(NOTO, size=TEXT)
    pdf.set_text_color(*INK)
    pdf.set_draw_color(*RULE)
    heading = FontFace(color=FAINT, size_pt=SMALL)
    widths = [2 if is_number else 3 for _, is_number in table.columns]
    with pdf.table(
        borders_layout="HORIZONTAL_LINES", headings_style=heading, line_height=LINE + 1, col_widths=widths,
        text_align=["RIGHT" if is_number else "LEFT" for _, is_number in table.columns],
    ) as drawn:
        drawn.row([heading for heading, _ in table.columns])
        for row in table.rows:
            drawn.row(list(row))
        if table.total:
            drawn.row(list(table.total), style=FontFace(fill_color=(244, 246, 250)))


def _write(
    pdf: FPDF, text: str, size: int, *, colour: tuple[int, int, int] = INK, height: int = LINE
) -> None:
    pdf.set_font(NOTO, size=size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(0, height, text, new_x="LMARGIN", new_y="NEXT", align="L")


def _texts(statement: Statement) -> Iterable[str]:
    yield from (statement.title, statement.period, *statement.notes)
    for role, lines in statement.parties:
        yield from (role, *lines)
    for table in statement.tables:
        yield from (table.title, *(heading for heading, _ in table.columns), *table.total)
        for row in table.rows:
            yield from row


def _add_fonts(pdf: FPDF, texts: Iterable[str]) -> None:
    """Those that hold a character of ``texts`` which Noto Sans lacks."""
    wanted = {ord(character) for text in texts for character in text}
    files = dict.fromkeys(
        (package, name) for first, last, package, name in MORE_FONTS
        if any(first <= code <= last for code in wanted))
    for package, name in files:
        pdf.add_font(name, "", _file(package, name))
    pdf.set_fallback_fonts([name for _, name in files])


def _file(package: str, name: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"{package} is not installed: it is in requirements.txt")
    return Path(found.origin).parent / name
