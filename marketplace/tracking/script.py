"""The script that a business puts into its own pages: where it is, and by which hash a browser knows it."""
import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import current_app

VERSION = 1  # Other sites name its hash: what was given out under a number never changes, a changed one has the next.


@dataclass(frozen=True)
class Script:
    text: bytes

    @property
    def integrity(self) -> str:
        """As `integrity=` wants it: Subresource Integrity, SHA-384."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.text).digest()).decode()


def script() -> Script:
    return _read(Path(current_app.static_folder or "", "fingerpost.js"))


@cache
def _read(file: Path) -> Script:
    return Script(file.read_bytes())
