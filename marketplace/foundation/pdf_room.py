"""A process of its own that reads one PDF file, given few means: if the file breaks it, nothing else is broken.

Run as a script: the file comes in by stdin, one JSON object goes out: page_count, text, pages (WebP, base64).
Nothing of the product is imported in here, and its settings are not in the environment.
"""
import base64
import contextlib
import io
import json
import resource
import sys

MOST_MEMORY = 512 * 1024 * 1024  # Bytes of address space; the library itself maps a fifth of it.
MOST_CPU = 8  # Seconds.
MOST_OUTPUT = 16 * 1024 * 1024
PAGES_READ = 60
PAGES_DRAWN = 3
LONGEST_TEXT = 40_000  # Characters.
LONGEST_SIDE = 1_400  # Pixels.


def limit() -> None:
    """From here on there is no way back: a process may lower its limits, never raise them."""
    caps = ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, MOST_CPU), (resource.RLIMIT_FSIZE, MOST_OUTPUT),
            (resource.RLIMIT_CORE, 0))
    for kind, most in caps:
        with contextlib.suppress(ValueError, OSError):  # Not every system knows every limit.
            resource.setrlimit(kind, (most, most))


def read(content: bytes) -> dict[str, object]:
    import pypdfium2  # noqa: PLC0415 - after the limits

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        return {"failure": "locked" if "password" in str(error).lower() else "damaged"}
    text: list[str] = []
    drawn: list[str] = []
    for number in range(min(len(document), PAGES_READ)):
        if sum(map(len, text)) >= LONGEST_TEXT:
            break
        with contextlib.suppress(pypdfium2.PdfiumError):  # One bad page of many.
            page = document[number]
            text.append(page.get_textpage().get_text_range()[:LONGEST_TEXT])
            if number < PAGES_DRAWN:
                drawn.append(draw(page))
            page.close()
    return {"page_count": len(document), "text": "\n\n".join(text)[:LONGEST_TEXT], "pages": drawn}


def draw(page: object) -> str:
    width, height = page.get_size()  # type: ignore[attr-defined]
    scale = min(LONGEST_SIDE / max(width, height, 1), 2.0)
    picture = io.BytesIO()
    page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB").save(  # type: ignore[attr-defined]
        picture, "WEBP", quality=70, method=1)
    return base64.b64encode(picture.getvalue()).decode()


if __name__ == "__main__":
    limit()
    json.dump(read(sys.stdin.buffer.read()), sys.stdout)
