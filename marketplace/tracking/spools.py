"""Clicks as lines of a file, one file a process: written at once, on the disk within 200 ms, read by a worker later.

A killed process loses nothing that was written, for the lines are the system's by then. A power cut loses at most what
was not on the disk yet: SYNC_SECONDS of clicks. While a process lives it holds a lock on its file.
"""
import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from marketplace.foundation import clock
from marketplace.foundation.ids import new_id
from marketplace.tracking.click_ids import EPOCH
from marketplace.tracking.destinations import SUB
from marketplace.tracking.marking import Seen
from marketplace.tracking.models import ClickMark

SYNC_SECONDS = 0.2
FULL = 16 * 1024 * 1024  # Bytes: then a new file is begun, and the old one can be taken in and removed.
OLD = timedelta(minutes=10)
ENDING = ".clicks"
_BEGUN = ".begun"
_MARKS = {ClickMark.COUNTED: "c", ClickMark.BOT: "b", ClickMark.PREFETCH: "p"}
_BY_LETTER = {letter: mark for mark, letter in _MARKS.items()}
_LINE = re.compile(rf"^(\d{{10,15}}) ([0-9a-z]{{8}}) ([A-Za-z0-9_-]{{16}}) ([cbp]) ({SUB.pattern}|)$", re.MULTILINE)

log = logging.getLogger(__name__)


class Spool:
    """Threads share it. The file is begun with the first click, so a process that forks has one for each child."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._file: int | None = None
        self._path: Path | None = None
        self._begun_at = EPOCH
        self._written = 0
        self._is_dirty = False
        self._complained = False
        os.register_at_fork(after_in_child=self._forget)

    def write(self, code: str, milliseconds: int, visitor: str, mark: ClickMark, sub: str | None) -> None:
        line = f"{milliseconds} {code} {visitor} {_MARKS[mark]} {sub or ''}\n".encode()
        try:
            with self._lock:
                file = self._file if self._file is not None else self._begin()
                os.write(file, line)
                self._written += len(line)
                self._is_dirty = True
        except OSError as error:  # The disk is full, or gone. A click is lost to the figures, to nobody's reward.
            if not self._complained:
                log.warning("clicks cannot be written: %r", error)
            self._complained = True
        else:
            self._complained = False

    def sync(self) -> None:
        """What was written is on the disk. A file that is full or old is ended: the next click begins another."""
        with self._lock:
            file, dirty, self._is_dirty = self._file, self._is_dirty, False
            is_over = file is not None and (self._written > FULL or clock.now() - self._begun_at > OLD)
            if is_over:
                self._file = None
        if file is not None:
            if dirty:
                os.fdatasync(file)
            if is_over:
                os.close(file)  # And with it the lock.

    def close(self) -> None:
        """The file is ended; another click begins a new one."""
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            os.fdatasync(file)
            os.close(file)

    def _begin(self) -> int:
        """Under another name until it is locked: no worker takes it for one that is over."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{new_id('spool')}-{os.getpid()}{ENDING}"
        begun = path.with_suffix(_BEGUN)
        file = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        begun.rename(path)
        if self._path is None:
            threading.Thread(target=self._keep_syncing, name="clicks", daemon=True).start()
        self._file, self._path, self._written, self._begun_at = file, path, 0, clock.now()
        return file

    def _keep_syncing(self) -> None:
        while True:
            time.sleep(SYNC_SECONDS)
            try:
                self.sync()
            except OSError as error:
                log.warning("clicks cannot be brought to the disk: %r", error)

    def _forget(self) -> None:
        """A child of a fork: file and lock are its parent's."""
        self._lock = threading.Lock()
        if self._file is not None:
            os.close(self._file)
        self._file = self._path = None


def spooled(folder: Path) -> list[Path]:
    """The files that there are, oldest first."""
    return sorted(folder.glob(f"*{ENDING}"))


def is_over(path: Path) -> bool:
    """Whether no process writes to it any more: its lock is free. It is the reader's for a moment."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def read_clicks(path: Path, start: int, most: int) -> tuple[list[Seen], int]:
    """Whole lines from byte ``start`` on, up to ``most`` bytes, and where they end. What cannot be read is left out."""
    with path.open("rb") as file:
        file.seek(start)
        read = file.read(most)
    whole = read[:read.rfind(b"\n") + 1]
    return list(_parsed(whole)), start + len(whole)


def _parsed(lines: bytes) -> Iterator[Seen]:
    """A line that a power cut tore is no line, and left out."""
    for at, code, visitor, mark, sub in _LINE.findall(lines.decode("ascii", "replace")):
        yield Seen(code, int(at), visitor, _BY_LETTER[mark], sub or None)
