"""The story counts: Ana has a code to say, Westside's own program tells of a sale, and is told what became of it."""
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import requests
from standardwebhooks import Webhook
from telling import Story, check

SOLD = {"external_id": "W-2090", "amount": "18000.00", "currency": "usd", "code": "ana westside",
        "customer": "till-77"}


def counted(story: Story, bounty: str) -> None:
    checkout = story.wes.send(f"{bounty}/funding", "/funding", amount="1050")
    story.wes.send(checkout, story.product.sandbox or "?", button="Pay")
    story.until_page_says(story.wes, bounty, "$1,084.99")
    story.until_page_says(story.ana, f"{bounty}/link", "Get a link of your own")
    page = story.ana.send(f"{bounty}/link", "/link")
    check("ANA-WESTSIDE" in page.text and "/r/" in page.text, f"Ana's link: {page.text[:300]}")
    story.tell("Ana gets a link of her own, a QR code to print, and a code to say: ANA-WESTSIDE.")
    business_id = re.findall(r"biz_\w+", story.wes.open(bounty).body)[0]
    page = story.wes.send("/settings/keys", "/keys", name="Our till", scopes="conversions:write")
    key = found(r"fp_[\w-]{20,}", page.body)
    with listening(story) as (address, heard):
        path = f"/businesses/{business_id}/webhooks"
        secret = found(r"whsec_[\w+/=]+", story.wes.send(path, path, url=address, kinds="conversion", expect=201).body)
        story.tell("Wes pays in for one more reward, gives Westside's till a key, and says where it wants to be told.")
        first, again = (tell_of_sale(story, key, {"business_id": business_id, **SOLD}) for _ in range(2))
        check(first["rewards"][0]["amount"]["amount"] == "1000.00", f"the sale earned: {first['rewards']}")
        check(again["id"] == first["id"], "the same sale, sent twice, was counted twice")
        story.tell(f"A stranger says Ana's code and buys. The till tells us, twice: counted once. {first['why'][0]}")
        story.until(lambda: "told" if first["conversion_id"] in str(heard) else None, "a signed message to the till")
        for sent_id, at, body, signature in heard:
            signed = Webhook(secret).sign(sent_id, datetime.fromtimestamp(int(at), UTC), body)
            check(signature == signed, f"a message is not signed by the secret: {signature}")
        kinds = [json.loads(body)["type"] for _, _, body, _ in heard]
        check("conversion.approved" in kinds, f"the till was told of {kinds}")
        story.tell("The till is told at once, by a signed message, that the sale was counted. Ana's $1,000 is held.")


def tell_of_sale(story: Story, key: str, said: dict[str, str]) -> Any:
    answer = requests.post(f"{story.product.site}/api/v1/conversions", json=said, timeout=20,
                           headers={"Authorization": f"Bearer {key}"})
    check(answer.ok, f"the till was answered {answer.status_code}: {answer.text[:300]}")
    return answer.json()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    check(match is not None, f"no {pattern} on the page")
    return match[0]  # type: ignore[index]


@contextmanager
def listening(story: Story) -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    """A program of Westside's own: its address, and what it was told (id, when, body, signature)."""
    heard: list[tuple[str, str, str, str]] = []

    class Till(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append((self.headers["webhook-id"], self.headers["webhook-timestamp"], body,
                          self.headers["webhook-signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *said: object) -> None:
            """Nothing: the story is told by its people."""

    server = HTTPServer(("127.0.0.1", (urlsplit(story.product.site).port or 0) + 10), Till)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/told", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
