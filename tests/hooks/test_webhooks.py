"""What happens to a business's leads and money is told to its programs: signed, in order, until it is taken."""
from collections import defaultdict
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Invalid
from marketplace.foundation.posting import Posted
from marketplace.hooks import endpoints, trying
from marketplace.hooks.contents import KINDS, TYPES
from marketplace.hooks.forgetting import forget_webhooks
from marketplace.hooks.listeners import listening_businesses
from marketplace.hooks.models import (
    DeliveryState,
    EndpointState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from marketplace.hooks.queries import get_delivery, get_endpoint
from marketplace.hooks.sending import settle_delivery
from marketplace.referrals import lifecycle
from marketplace.referrals.models import Lead, Reward, Stage
from marketplace.referrals.moderation import accept_lead
from tests import factories as make
from tests.browsing import end_reading
from tests.canary import DOMAIN, NAME


def lead_of(place):
    end_reading()
    return db.session.get_one(Lead, place.lead_id)


def endpoint_of(place):
    end_reading()
    return db.session.get_one(WebhookEndpoint, place.endpoint_id, populate_existing=True)


def deliveries(*states):
    end_reading()
    return db.session.scalars(select(WebhookDelivery).where(
        WebhookDelivery.state.in_(states or list(DeliveryState))).order_by(WebhookDelivery.id)).all()


def stage(place, target, **named):
    with transaction():
        lifecycle.move_stage(db.session.get_one(Lead, place.lead_id), target, by=place.wes.id, **named)


def test_the_story_of_a_lead_is_told_signed_in_order_and_without_a_word_of_the_buyer(listening, receiver, work, later):
    lead = lead_of(listening)
    make.accept(lead)
    make.consent(lead_of(listening), email=f"david@{DOMAIN}")
    make.win(lead_of(listening))
    work()
    later(days=31)
    work()
    told = receiver.said(listening.secret)
    by_object = defaultdict(list)
    for one in told:
        by_object[one["data"]["id"]].append(one["type"])
    assert by_object[lead.id] == ["lead.accepted", "consent.asked", "consent.granted", "stage.won"]
    reward = db.session.scalar(select(Reward))
    assert by_object[reward.id] == ["reward.pending", "reward.payable"]
    assert by_object[reward.conversion_id] == ["conversion.approved"]
    assert len({one["id"] for one in told}) == len(told) and receiver.ids() == [one["id"] for one in told]
    earned = next(one["data"] for one in told if one["type"] == "reward.pending")
    assert earned["reward"] == {"amount": "1000.00", "minor": 100_000, "currency": "usd"} and earned["lead_id"] == lead.id
    everything = b"".join(body for _, body in receiver.taken).decode()
    assert not any(word in everything for word in (DOMAIN, "David", NAME, "in the market"))
    assert endpoint_of(listening).answered_at and not deliveries(DeliveryState.WAITING)


def test_an_acceptance_is_told_when_the_people_are_and_a_refusal_never(listening, receiver, work, later):
    mona = make.make_user("Mona Lind", is_admin=True)
    with transaction():
        accept_lead(db.session.get_one(Lead, listening.lead_id), by=mona)
    work()
    assert receiver.taken == []
    later(minutes=6)
    work()
    assert receiver.types() == ["lead.accepted", "consent.asked"]


def test_a_business_that_does_not_listen_costs_no_statement(place, receiver):
    """Nor does one whose neighbour does, where the lead is at hand."""
    other = make.make_business(make.make_user("Pete Moss"), name="Eastside Auto")
    with transaction():
        endpoints.add_endpoint(other, url=receiver.url, by=make.owner_of(other))
    make.accept(lead_of(place))
    listening_businesses()  # Known for five seconds.
    asked = []
    from sqlalchemy import event  # noqa: PLC0415

    watch = lambda *said: asked.append(said[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", watch)
    try:
        with transaction():
            lead = db.session.get_one(Lead, place.lead_id)
            before = len(asked)
            audit.record("stage.qualified", lead.id, by="user_x", was="new")
    finally:
        event.remove(db.engine, "before_cursor_execute", watch)
    assert len(asked[before:]) == 1 and asked[-1].startswith("INSERT INTO audit_events")
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 0


def test_what_is_rolled_back_is_told_to_nobody(listening, receiver, work):
    make.accept(lead_of(listening))
    work()
    receiver.taken.clear()
    with pytest.raises(ZeroDivisionError), transaction():
        lifecycle.move_stage(db.session.get_one(Lead, listening.lead_id), Stage.QUALIFIED, by=listening.wes.id)
        _ = 1 // 0
    with transaction():
        savepoint = db.session.begin_nested()
        audit.record("stage.meeting", listening.lead_id, by=listening.wes.id, was="new")
        savepoint.rollback()
    work()
    assert receiver.taken == []


@pytest.mark.once
def test_an_endpoint_is_told_only_of_the_kinds_it_chose(listening, receiver, work):
    with transaction():
        endpoints.change_endpoint(get_endpoint(listening.endpoint_id, seen_by=listening.wes), kinds=["consent"], by=listening.wes)
    make.accept(lead_of(listening))
    work()
    assert receiver.types() == ["consent.asked"]


def test_the_next_of_an_object_waits_until_the_one_before_is_taken(listening, receiver, work, later):
    make.accept(lead_of(listening))
    work()
    receiver.taken.clear()
    receiver.answers += [500, 500]
    stage(listening, Stage.QUALIFIED)
    stage(listening, Stage.MEETING)
    work()
    assert receiver.types() == ["stage.qualified"]  # Tried once, refused; the other one has to wait.
    later(seconds=6)
    work()
    assert receiver.types() == ["stage.qualified"] * 2
    later(minutes=6)
    work()
    assert receiver.types() == ["stage.qualified"] * 3 + ["stage.meeting"]
    assert len(set(receiver.ids()[:3])) == 1
    first = deliveries()[-2]
    assert first.attempts == 3 and [one.status for one in get_delivery(first.id, seen_by=listening.wes)[0].log] == [500, 500, 204]


def test_it_is_tried_for_three_days_and_then_given_up_and_can_be_sent_again(listening, receiver, work, later):
    make.accept(lead_of(listening))
    work()
    receiver.taken.clear()
    receiver.answers += [503] * 40
    stage(listening, Stage.QUALIFIED)
    hours = 0
    while deliveries(DeliveryState.WAITING):
        work()
        later(hours=2)
        hours += 2
        assert hours < 100
    assert 72 <= hours <= 78 and 8 <= len(receiver.taken) <= 12, (hours, len(receiver.taken))
    receiver.answers.clear()
    with transaction():
        assert trying.replay_missed(get_endpoint(listening.endpoint_id, seen_by=listening.wes), by=listening.wes) == 1
    work()
    assert receiver.answers == [] and len(set(receiver.ids())) == 1 and deliveries()[-1].state is DeliveryState.DELIVERED
    with transaction():
        assert trying.replay_missed(get_endpoint(listening.endpoint_id, seen_by=listening.wes), by=listening.wes) == 0


@pytest.mark.once
def test_five_days_of_failing_switch_it_off_with_a_mail_and_what_it_misses_is_kept_for_it(listening, receiver, work, later, mailbox):
    make.accept(lead_of(listening))
    work()
    receiver.answers += [500] * 99
    for day in range(6):
        stage(listening, Stage.QUALIFIED if day == 0 else (Stage.NEGOTIATION, Stage.MEETING)[day % 2])
        for _ in range(3):
            later(hours=8)
            work()
    endpoint = endpoint_of(listening)
    assert endpoint.state is EndpointState.DISABLED and endpoint.why_disabled == "failing"
    assert [mail["To"] for mail in mailbox.all() if mail["Subject"] == "A webhook is switched off"] == [listening.wes.email]
    receiver.taken.clear()
    receiver.answers.clear()
    stage(listening, Stage.LOST)
    work()
    assert receiver.taken == []
    with transaction():
        endpoints.switch_on(get_endpoint(listening.endpoint_id, seen_by=listening.wes), by=listening.wes)
    with transaction():
        trying.replay_missed(get_endpoint(listening.endpoint_id, seen_by=listening.wes), by=listening.wes)
    work()
    assert receiver.types()[-1] == "stage.lost" and endpoint_of(listening).failing_since is None


@pytest.mark.once
def test_who_says_that_he_is_gone_is_asked_no_more(listening, receiver, work):
    receiver.answers.append(410)
    make.accept(lead_of(listening))
    work()
    assert endpoint_of(listening).why_disabled == "gone" and len(receiver.taken) == 1
    assert not deliveries(DeliveryState.WAITING)


@pytest.mark.once
def test_no_redirect_is_followed(listening, receiver, work):
    receiver.answers.append(302)
    make.accept(lead_of(listening))
    work()
    assert receiver.taken[0][0]["webhook-id"] and all(headers["host"] for headers, _ in receiver.taken)
    assert get_delivery(deliveries()[0].id, seen_by=listening.wes)[0].log[0].status == 302


@pytest.mark.once
def test_who_does_not_answer_at_all_is_left_alone_for_a_while(listening, receiver, work, app):
    from dataclasses import replace  # noqa: PLC0415

    app.extensions["settings"] = replace(app.extensions["settings"], fetch_allow=frozenset())
    make.accept(lead_of(listening))
    work()
    attempts = db.session.scalars(select(WebhookAttempt)).all()
    assert [(one.status, one.failure) for one in attempts] == [(None, "refused_address")]  # No longer allowed: not dialled.
    stage(listening, Stage.QUALIFIED)
    work()
    assert len(db.session.scalars(select(WebhookAttempt)).all()) == 1 and endpoint_of(listening).rests_until


def test_who_takes_ten_seconds_for_each_is_left_alone_for_a_while_too(listening, receiver, work, later):
    """Or one business's slow program would keep the workers from everybody's transfers and mails."""
    make.accept(lead_of(listening))
    for delivery in deliveries(DeliveryState.WAITING):
        with transaction():
            settle_delivery(Posted(204, None, 9_900), delivery.id)
    with transaction():
        endpoints.add_endpoint(listening.westside, url=receiver.url + "/other", by=listening.wes)
    stage(listening, Stage.QUALIFIED)
    work()
    assert receiver.types() == ["stage.qualified"]  # Another address, even of the same business, waits for nobody.
    [waiting] = deliveries(DeliveryState.WAITING)
    rests_until = endpoint_of(listening).rests_until
    assert rests_until <= waiting.next_at <= rests_until + timedelta(seconds=20)  # Not all at one moment.
    later(seconds=220)
    work()
    assert receiver.types() == ["stage.qualified"] * 2 and endpoint_of(listening).rests_until is None


def test_a_secret_is_exchanged_and_both_are_valid_for_a_day(listening, receiver, work, later):
    with transaction():
        new = endpoints.exchange_secret(get_endpoint(listening.endpoint_id, seen_by=listening.wes), by=listening.wes)
    make.accept(lead_of(listening))
    work()
    assert receiver.said(new) == receiver.said(listening.secret) != []
    receiver.taken.clear()
    later(hours=25)
    stage(listening, Stage.QUALIFIED)
    work()
    assert len(receiver.said(new)) == 1 and " " not in receiver.taken[0][0]["webhook-signature"]
    kept = db.session.connection().exec_driver_sql("SELECT secret FROM webhook_endpoints").scalar()
    assert new not in kept and ":" in kept


@pytest.mark.parametrize("url", [
    "http://shop.example/hook", "https://127.0.0.1/hook", "https://10.1.2.3/", "https://localhost/", "https://shop.example:8443/",
    "https://me:pass@shop.example/", "ftp://shop.example/", "https://2130706433/", "https://[::1]/", "nonsense"])
@pytest.mark.once
def test_an_address_that_is_not_on_the_public_web_is_refused(place, url):
    with pytest.raises(Invalid) as refused, transaction():
        endpoints.add_endpoint(place.westside, url=url, by=place.wes)
    assert refused.value.fields["url"]


def test_events_and_their_log_go_after_thirty_days(listening, receiver, work, later):
    make.accept(lead_of(listening))
    work()
    later(days=31)
    with transaction():
        forget_webhooks()
    end_reading()
    assert [db.session.scalar(select(func.count()).select_from(table)) for table in (WebhookAttempt, WebhookDelivery, WebhookEvent)] == [0, 0, 0]


@pytest.mark.once
def test_on_the_pages_it_is_added_tested_read_replayed_switched_off_and_removed(place, receiver, as_user, work):
    wes = as_user(place.wes)
    here = f"/businesses/{place.westside.id}/webhooks"
    assert "No webhooks yet" in wes.page(here).text_content()
    made = wes.submit(here, {"url": receiver.url, "note": "Our CRM"}, press="Add webhook")
    secret = made.text.split('data-copy="')[1].split('"')[0]
    assert made.status_code == 201 and secret.startswith("whsec_") and "attention" not in made.text
    twice = wes.submit(here, {"url": receiver.url}, press="Add webhook")
    assert twice.status_code == 409 and "told already" in twice.text
    endpoint = db.session.scalar(select(WebhookEndpoint))
    there = f"{here}/{endpoint.id}"
    assert secret not in wes.get(there).text
    assert "The test was taken" in wes.submit(there, press="Send a test").text
    assert receiver.said(secret)[0]["type"] == "webhook.test"
    receiver.answers.append(500)
    assert "was not taken" in wes.submit(there, press="Send a test").text
    assert work() >= 2 and len(receiver.taken) == 2  # Promised beside it, and found done.
    make.accept(lead_of(place))
    work()
    assert "on the way again" in wes.submit(there, press="Send again").text
    work()
    assert receiver.ids()[-1] in receiver.ids()[:-1]
    assert "HTTP 500" in wes.get(there).text and "lead.accepted" in wes.get(there).text
    exchanged = wes.submit(there, press="Exchange the secret")
    assert exchanged.status_code == 200 and "whsec_" in exchanged.text and "attention" not in exchanged.text
    wes.submit(there, press="Switch off")
    assert "Switch on" in wes.get(there).text
    wes.submit(there, press="Remove this webhook")
    assert wes.get(there).status_code == 404 and "No webhooks yet" in wes.get(here).text


def test_a_program_does_the_same_by_the_api(listening, receiver, app, work):
    from tests.api.program import Program  # noqa: PLC0415

    wes, here = Program(app, listening.wes), f"/businesses/{listening.westside.id}/webhook-endpoints"
    body = {"url": receiver.url + "/other", "kinds": ["lead"]}
    first, again = wes.post(here, body, key="one"), wes.post(here, body, key="one")
    assert first.json["secret"].startswith("whsec_") and again.json == {**first.json, "secret": None}
    assert first.json["secret"] not in str(db.session.connection().exec_driver_sql("SELECT body FROM api_answers").scalars().all())
    mine = f"/webhook-endpoints/{first.json['id']}"
    assert [one["id"] for one in wes.get(here).json["data"]] == [listening.endpoint_id, first.json["id"]]
    test = wes.must(f"{mine}/tests")
    work()
    assert wes.get(f"/webhook-deliveries/{test['id']}").json["attempts"][0]["status"] == 204
    assert wes.get(f"{mine}/deliveries", state="delivered").json["data"][0]["type"] == "webhook.test"
    assert wes.must(f"{mine}/secrets")["secret"] != first.json["secret"]
    assert wes.must(f"{mine}/switching-off")["state"] == "off"
    assert wes.post(f"/webhook-deliveries/{test['id']}/replays").status_code == 409
    assert wes.must(f"{mine}/switching-on")["state"] == "on"
    replayed = wes.must(f"/webhook-deliveries/{test['id']}/replays")
    assert replayed["replay_of"] == test["id"] and replayed["event_id"] == test["event_id"]
    assert wes.must(f"{mine}/replays", {}) == {"count": 0}
    pete = Program(app, make.make_user("Pete Moss"))
    assert pete.get(mine).status_code == pete.get(f"/webhook-deliveries/{test['id']}").status_code == 404
    assert pete.get(here).status_code == 403


@pytest.mark.once
def test_each_kind_has_types_and_the_document_for_developers_names_every_one():
    from pathlib import Path  # noqa: PLC0415

    said = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    assert set(TYPES.values()) == set(KINDS) and [one for one in TYPES if f"`{one}`" not in said] == []


@pytest.mark.once
def test_the_example_of_the_document_takes_what_we_send_and_nothing_else(listening, receiver, work):
    """The code as it stands there, with the secret put in."""
    from pathlib import Path  # noqa: PLC0415

    said = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    code = said.split("```python")[1].split("```")[0]
    scope = {"__name__": __name__}
    exec(code.replace("whsec_your_secret", listening.secret), scope)
    shop = scope["app"].test_client()
    make.accept(lead_of(listening))
    work()
    headers, body = receiver.taken[0]
    sent = {name: value for name, value in headers.items() if name.startswith("webhook-")}
    assert [shop.post("/fingerpost", data=body, headers=sent).status_code for _ in range(2)] == [204, 204]
    assert len(scope["seen"]) == 1
    assert shop.post("/fingerpost", data=body + b" ", headers=sent).status_code == 400
    assert shop.post("/fingerpost", data=body, headers={**sent, "webhook-timestamp": "1"}).status_code == 400
