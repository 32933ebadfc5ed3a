"""A planted buyer: a word that stands in name and address, and a number. Where do they come out?"""
from typing import Any

import pypdfium2

NAME, DOMAIN, PHONE = "Zacharias Quillfeather", "quillfeather.example", "+16195550177"
WORDS = ("quillfeather", "6195550177")


def is_in_text(text: str) -> bool:
    plain = text.lower()
    return any(word in plain for word in WORDS)


def is_in(response: Any) -> bool:
    """Headers too; of a PDF the words on its pages."""
    body = response.get_data()
    if body.startswith(b"%PDF"):
        document = pypdfium2.PdfDocument(body)
        body = "\n".join(page.get_textpage().get_text_range() for page in document).encode()
    return is_in_text(body.decode("utf-8", "replace") + str(response.headers))
