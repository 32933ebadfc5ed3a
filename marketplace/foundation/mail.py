"""Delivers one mail: by SMTP in production, into a folder that developers can read otherwise."""
import hashlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import cache
from itertools import count
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app

from marketplace.foundation import clock
from marketplace.foundation.errors import Invalid, NotFound

SMTP_SECONDS = 10.0
NOWHERE = "@erased.invalid"  # Ends the address of somebody who left: no mail goes there (RFC 2606).

_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_KEPT_NAME = re.compile(r"\d{6,12}\.eml")
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class _Headers(HeaderRegistry):
    """As shipped it makes a class anew for each header of each mail, which is a third of what a mail costs."""

    __getitem__ = cache(HeaderRegistry.__getitem__)


POLICY = EmailPolicy(header_factory=_Headers())


class BadMail(Invalid):
    """An address or subject that no mail can carry, or that would smuggle in a second header."""

    code = "bad_mail"


@dataclass(frozen=True)
class Mail:
    """What one person gets. ``html`` may be empty; ``text`` is always there for those who read without."""

    to: str
    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True)
class KeptMail:
    """A mail in the folder; ``name`` finds it again."""

    name: str
    message_id: str
    sent_at: datetime
    mail: Mail


class Postbox(Protocol):
    def deliver(self, message: EmailMessage) -> None: ...


@dataclass(frozen=True)
class SmtpPostbox:
    """``smtp://user:password@host:port`` (STARTTLS, asked for except on loopback) or ``smtps://`` (TLS at once)."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
            raise ValueError("the mail server is written smtp://user:password@host:port, or smtps://")

    def deliver(self, message: EmailMessage) -> None:
        """Raises smtplib.SMTPException, ssl.SSLError or OSError: try again later."""
        with self._connected() as server:
            server.send_message(message)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        tls = ssl.create_default_context()
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SMTP_SECONDS, context=tls)
        else:
            server = smtplib.SMTP(host, port, timeout=SMTP_SECONDS)
        with server:
            if parts.scheme == "smtp" and (host not in _LOOPBACK or _offers_tls(server)):
                server.starttls(context=tls)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            yield server


def _offers_tls(server: smtplib.SMTP) -> bool:
    server.ehlo()
    return server.has_extn("starttls")


@dataclass(frozen=True)
class FolderPostbox:
    """Keeps every mail as a numbered ``.eml``; a reader sees a whole file or none."""

    folder: Path

    def deliver(self, message: EmailMessage) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self._own_a_number()
        part.write_bytes(message.as_bytes(policy=SMTP))
        part.rename(part.with_suffix(".eml"))

    def _own_a_number(self) -> Path:
        """Whoever creates ``n.part`` while there is no ``n.eml`` owns n: site and worker may write at once."""
        last = max((int(kept.stem) for kept in _kept_files(self.folder)), default=0)
        for number in count(last + 1):
            part = self.folder / f"{number:06}.part"
            try:
                part.touch(exist_ok=False)
            except FileExistsError:
                continue
            if not part.with_suffix(".eml").exists():
                return part
            part.unlink()
        raise AssertionError("unreachable")


@dataclass(frozen=True)
class _Outgoing:
    postbox: Postbox
    sender: str


def init_app(app: Flask, *, mail_from: str, smtp_url: str | None, mail_dir: Path | None) -> None:
    """Choose where mail goes: the folder if there is one, else the server. Raises ValueError for what cannot work."""
    domain_of(mail_from)
    if mail_dir is None and not smtp_url:
        raise ValueError("give a mail server or a folder for mail")
    postbox: Postbox = FolderPostbox(mail_dir) if mail_dir else SmtpPostbox(smtp_url or "")
    app.extensions["mail"] = _Outgoing(postbox, mail_from)


def send(mail: Mail, *, dedupe_id: str) -> None:
    """Deliver now; called by the job that the outbox runs. The same ``dedupe_id`` gives the same Message-ID.

    Raises BadMail (never deliverable), or smtplib.SMTPException or OSError (try again later).
    """
    outgoing: _Outgoing = current_app.extensions["mail"]
    outgoing.postbox.deliver(compose(mail, sender=outgoing.sender, dedupe_id=dedupe_id))


def compose(mail: Mail, *, sender: str, dedupe_id: str) -> EmailMessage:
    """The message as it goes out. Raises BadMail."""
    if _LINE_BREAKS.search(mail.subject) or not mail.subject.strip():
        raise BadMail("A mail needs a subject of one line.", next_step="Remove the line breaks from the subject.")
    message = EmailMessage(POLICY)
    message["From"] = sender
    message["To"] = _checked_address(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{hashlib.sha256(dedupe_id.encode()).hexdigest()[:40]}@{domain_of(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message


def list_kept(folder: Path) -> list[KeptMail]:
    """Every kept mail, newest first."""
    return [_read(path) for path in sorted(_kept_files(folder), key=lambda path: int(path.stem), reverse=True)]


def read_kept(folder: Path, name: str) -> KeptMail:
    """One kept mail. Raises NotFound, also for a name that would leave the folder."""
    path = folder / name
    if not _KEPT_NAME.fullmatch(name) or not path.is_file():
        raise NotFound("There is no such mail.", next_step="Go back to the list of mails.")
    return _read(path)


def _kept_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.eml") if _KEPT_NAME.fullmatch(path.name))


def _read(path: Path) -> KeptMail:
    message = message_from_bytes(path.read_bytes(), policy=POLICY)
    return KeptMail(
        path.name,
        str(message["Message-ID"]),
        message["Date"].datetime,
        Mail(str(message["To"]), str(message["Subject"]), _part(message, "plain"), _part(message, "html")),
    )


def _part(message: EmailMessage, kind: Literal["plain", "html"]) -> str:
    part = message.get_body((kind,))
    return part.get_content().replace("\r\n", "\n") if part else ""


def _checked_address(to: str) -> Address:
    try:
        if _LINE_BREAKS.search(to):
            raise ValueError(to)
        return Address(addr_spec=to)
    except (ValueError, IndexError, MessageError):
        raise BadMail("This is not one e-mail address.", next_step="Give one, such as ana@example.org.") from None


def domain_of(sender: str) -> str:
    domain = parseaddr(sender)[1].partition("@")[2]
    if not domain or _LINE_BREAKS.search(sender):
        raise ValueError("the sender of mail is written Name <address@domain>")
    return domain
