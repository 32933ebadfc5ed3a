"""What a story told over HTTP needs: its people, its places and its clock, the mails they get."""
import email
import email.policy
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from processes import ROOT, Product, flask
from visitor import Page, Unexpected, Visitor

PASSWORD = "point-at-a-buyer"  # noqa: S105 - of people who live for a minute
PATIENCE = 40.0  # Seconds that the worker may take for one step.


class Story:
    """The people, the places and the clock."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.waited = timedelta()
        self.steps = 0
        self.ana, self.wes, self.mona, self.david = (
            Visitor(name, product.site) for name in ("Ana", "Wes", "Mona", "David"))
        self.ben, self.omar, self.rosa, self.carla, self.theo = (
            Visitor(name, product.site) for name in ("Ben", "Omar", "Rosa", "Carla", "Theo"))

    def tell(self, sentence: str) -> None:
        self.steps += 1
        print(f"{self.steps:>3}. {sentence}", flush=True)

    def wait_days(self, days: int) -> None:
        """Move the one clock that site, worker and sandbox share."""
        self.product.move_clock(days * 86_400)
        self.waited += timedelta(days=days)

    @property
    def day(self) -> date:
        """Today by that clock: asked each time, as a story may be told over midnight."""
        return (datetime.now(UTC) + self.waited).date()

    def mail_to(self, address: str, about: str, containing: str = "") -> str:
        """The newest mail to ``address`` whose subject contains ``about``, and its text ``containing``, as text."""
        def look() -> str | None:
            for kept in sorted((self.product.folder / "mail").glob("*.eml"), reverse=True):
                mail = email.message_from_bytes(kept.read_bytes(), policy=email.policy.default)
                if address in str(mail["To"]) and about.lower() in str(mail["Subject"]).lower():
                    body = mail.get_body(("plain",))
                    said = str(body.get_content()) if body else ""
                    if containing in said:
                        return said
            return None
        return self.until(look, f"a mail to {address} about “{about}”")

    def until(self, look: Callable[[], str | None], what: str) -> str:
        """Look until there is something, as a person reloads a page."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.2)
        raise Unexpected(f"waited {PATIENCE:.0f} s in vain for {what}")

    def until_page_says(self, who: Visitor, path: str, words: str) -> Page:
        self.until(lambda: words if words in who.open(path).text else None, f"“{words}” on {path} ({who.name})")
        return who.open(path)


def link_in(mail: str, containing: str) -> str:
    for address in re.findall(r"https?://\S+", mail):
        if containing in address:
            return str(address)
    raise Unexpected(f"no link with {containing!r} in the mail:\n{mail}")


def check(holds: object, what: str) -> None:
    if not holds:
        raise Unexpected(what)


def join(story: Story, who: Visitor, name: str, address: str) -> None:
    who.send("/sign-up", "/sign-up", name=name, email=address, password=PASSWORD)
    link = link_in(story.mail_to(address, "confirm"), "/confirm/")
    who.send(link, "/confirm/")
    who.send("/sign-in", "/sign-in", email=address, password=PASSWORD)


def run_flask(story: Story, *arguments: str) -> str:
    done = subprocess.run(flask(*arguments), cwd=ROOT, env=dict(story.product.env), capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Unexpected(f"flask {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()
