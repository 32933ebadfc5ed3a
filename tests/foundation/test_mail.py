"""Mail: by SMTP or into a folder, one recipient, no smuggled headers, and a repeat can be recognised."""
import datetime as dt
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask

from marketplace.foundation import clock, mail
from marketplace.foundation.errors import NotFound
from marketplace.foundation.mail import BadMail, Mail

pytestmark = pytest.mark.once

SENDER = "Fingerpost <hello@fingerpost.example>"
INVITATION = Mail(
    "david@example.org", "Ana hat Sie empfohlen – „Westside Auto“", "Guten Tag,\n\ndürfen wir Sie vorstellen?\n.\n", "<p>Dürfen wir?</p>\n"
)


def app_with(**settings: Any) -> Flask:
    app = Flask("mail")
    mail.init_app(app, **({"mail_from": SENDER, "smtp_url": None, "mail_dir": None} | settings))
    return app


def test_a_mail_kept_in_a_folder_reads_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    moment = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)
    clock.use(lambda: moment)
    try:
        with app_with(mail_dir=folder).app_context():
            mail.send(INVITATION, dedupe_id="job_1")
    finally:
        clock.use(clock.system_time)
    [kept] = mail.list_kept(folder)
    assert kept.mail == INVITATION and kept.sent_at == moment
    assert mail.read_kept(folder, kept.name) == kept


def test_mails_are_listed_newest_first_and_none_is_overwritten(tmp_path: Path) -> None:
    with app_with(mail_dir=tmp_path).app_context():
        for number in range(12):
            mail.send(Mail("ana@example.org", f"Mail {number}", "text"), dedupe_id=f"job_{number}")
    kept = mail.list_kept(tmp_path)
    assert [k.mail.subject for k in kept] == [f"Mail {number}" for number in reversed(range(12))]
    assert [k.name for k in reversed(kept)] == sorted(k.name for k in kept)
    assert kept[0].mail.html == ""


def test_several_writers_lose_no_mail(tmp_path: Path) -> None:
    app = app_with(mail_dir=tmp_path)

    def write(writer: int) -> None:
        with app.app_context():
            for number in range(20):
                mail.send(Mail("ana@example.org", f"{writer}-{number}", "text"), dedupe_id=f"{writer}-{number}")

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {k.mail.subject for k in mail.list_kept(tmp_path)} == {f"{w}-{n}" for w in range(4) for n in range(20)}
    assert list(tmp_path.glob("*.part")) == []


def test_a_half_written_or_foreign_file_is_no_mail(tmp_path: Path) -> None:
    (tmp_path / "000001.part").write_text("half")
    (tmp_path / "notes.eml").write_text("foreign")
    with app_with(mail_dir=tmp_path).app_context():
        mail.send(INVITATION, dedupe_id="job_1")
    assert [k.name for k in mail.list_kept(tmp_path)] == ["000002.eml"]


def test_an_empty_or_missing_folder_has_no_mails(tmp_path: Path) -> None:
    assert mail.list_kept(tmp_path) == mail.list_kept(tmp_path / "none") == []


@pytest.mark.parametrize("name", ["000009.eml", "../secret.eml", "..", "", "/etc/passwd", "000001.part", "notes.eml", "000001.eml/x", "000001.eml\n"])
def test_a_name_that_is_no_kept_mail_is_not_found(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (tmp_path / "secret.eml").write_text("x")
    (folder / "notes.eml").write_text("x")
    (folder / "000001.eml").write_text("x")
    (folder / "000001.part").write_text("x")
    with pytest.raises(NotFound):
        mail.read_kept(folder, name)


def test_the_same_promise_has_the_same_message_id() -> None:
    ids = [mail.compose(INVITATION, sender=SENDER, dedupe_id=i)["Message-ID"] for i in ("job_1", "job_1", "job_2", "a\r\nb")]
    assert ids[0] == ids[1] and len(set(ids)) == 3
    assert all(re.fullmatch(r"<[0-9a-f]{40}@fingerpost\.example>", message_id) for message_id in ids)


@pytest.mark.parametrize(
    "to",
    ["", "ana", "ana@", "@example.org", "ana@example.org, eve@example.org", "ana@example.org\r\nBcc: eve@example.org", "ana@example.org\n",
     "Ana <ana@example.org>", "ana@example.org eve@example.org", "ana@example.org\x00", "ana@exa\u2028mple.org", "ana@example.org;eve@example.org"],
)  # fmt: skip
def test_only_one_plain_address_gets_a_mail(tmp_path: Path, to: str) -> None:
    with app_with(mail_dir=tmp_path).app_context(), pytest.raises(BadMail) as refusal:
        mail.send(Mail(to, "Hello", "text"), dedupe_id="job_1")
    assert refusal.value.status == 422 and refusal.value.next_step
    assert mail.list_kept(tmp_path) == []


@pytest.mark.parametrize("subject", ["", "  ", "Hello\r\nBcc: eve@example.org", "Hello\nworld", "Hello\rX: y", "a\0b", "a\u2028b"])
def test_a_subject_cannot_carry_a_second_header(tmp_path: Path, subject: str) -> None:
    with app_with(mail_dir=tmp_path).app_context(), pytest.raises(BadMail):
        mail.send(Mail("ana@example.org", subject, "text"), dedupe_id="job_1")
    assert mail.list_kept(tmp_path) == []


def test_headers_written_in_the_text_stay_text() -> None:
    message = mail.compose(Mail("ana@example.org", "Hello", "Bcc: eve@example.org\n\nhi"), sender=SENDER, dedupe_id="job_1")
    assert message["Bcc"] is None and message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"


@pytest.mark.parametrize(
    "settings",
    [{}, {"smtp_url": "http://mail.example"}, {"smtp_url": "smtp://"}, {"smtp_url": "mail.example:25"}, {"smtp_url": "smtp://mail.example:0"},
     {"smtp_url": "smtp://mail.example:x"}, {"smtp_url": "smtp://mail.example", "mail_from": "Fingerpost"},
     {"smtp_url": "smtp://mail.example", "mail_from": "Fingerpost <hello@fingerpost.example>\r\nBcc: eve@example.org"}],
)  # fmt: skip
def test_mail_settings_that_cannot_work_are_refused_at_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        app_with(**settings)


def test_the_password_of_the_mail_server_is_not_shown() -> None:
    assert "hush" not in repr(mail.SmtpPostbox("smtp://ana:hush@mail.example"))


class Inbox:
    """What the SMTP server took in, and by whom."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.envelopes.append((session, envelope))
        return self.answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def smtp_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    # auth_require_tls=False only for the plain server: logging in without TLS is allowed on loopback alone
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop(no_assert=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key for ``localhost``, valid through the century."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1)).not_valid_after(dt.datetime(2099, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def let_in(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
    return AuthResult(success=isinstance(given, LoginPassword) and (given.login, given.password) == (b"ana@x", b"p:/@s"))


def test_a_mail_goes_out_by_smtp() -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port, app_with(smtp_url=f"smtp://127.0.0.1:{port}").app_context():
        mail.send(INVITATION, dedupe_id="job_1")
    [(_, envelope)] = inbox.envelopes
    assert envelope.mail_from == "hello@fingerpost.example" and envelope.rcpt_tos == ["david@example.org"]
    received = mail.message_from_bytes(envelope.content, policy=mail.POLICY)
    assert received["Subject"] == INVITATION.subject
    assert received.get_body(("plain",)).get_content().replace("\r\n", "\n") == INVITATION.text
    assert received.get_body(("html",)).get_content().replace("\r\n", "\n") == INVITATION.html
    assert received["Message-ID"] == mail.compose(INVITATION, sender=SENDER, dedupe_id="job_1")["Message-ID"]


def test_a_password_is_sent_after_starttls_only(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    inbox = Inbox()
    options = {"tls_context": server_tls(certificate), "authenticator": let_in, "auth_required": True}
    with smtp_server(inbox, **options) as port, app_with(smtp_url=f"smtp://ana%40x:p%3A%2F%40s@localhost:{port}").app_context():
        mail.send(INVITATION, dedupe_id="job_1")
    [(session, _)] = inbox.envelopes
    assert session.ssl is not None and session.authenticated


def test_tls_at_once_is_spoken_too(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    inbox = Inbox()
    with smtp_server(inbox, ssl_context=server_tls(certificate), server_hostname="localhost") as port, app_with(smtp_url=f"smtps://localhost:{port}").app_context():
        mail.send(INVITATION, dedupe_id="job_1")
    assert len(inbox.envelopes) == 1


def test_an_unknown_certificate_gets_no_mail(certificate: Path) -> None:
    inbox = Inbox()
    with smtp_server(inbox, tls_context=server_tls(certificate)) as port, app_with(smtp_url=f"smtp://localhost:{port}").app_context(), pytest.raises(ssl.SSLError):
        mail.send(INVITATION, dedupe_id="job_1")
    assert inbox.envelopes == []


def test_a_server_elsewhere_without_tls_gets_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port, app_with(smtp_url=f"smtp://ana:hush@mail.example:{port}").app_context():
        real = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda address, *more, **named: real(("127.0.0.1", address[1]), *more, **named))
        with pytest.raises(smtplib.SMTPNotSupportedError):
            mail.send(INVITATION, dedupe_id="job_1")
    assert inbox.envelopes == []


def test_a_server_that_refuses_or_is_away_raises_so_that_the_job_tries_again() -> None:
    inbox = Inbox()
    inbox.answer = "451 try later"
    with smtp_server(inbox) as port, app_with(smtp_url=f"smtp://127.0.0.1:{port}").app_context(), pytest.raises(smtplib.SMTPDataError):
        mail.send(INVITATION, dedupe_id="job_1")
    with app_with(smtp_url=f"smtp://127.0.0.1:{free_port()}").app_context(), pytest.raises(OSError):
        mail.send(INVITATION, dedupe_id="job_1")
