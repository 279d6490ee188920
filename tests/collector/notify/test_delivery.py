"""Delivery against real receivers on loopback; only the clock is a fake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import FakeClock
from receivers import Call, receiver
from sqlalchemy import Engine as SqlEngine
from standardwebhooks import Webhook as Reference
from standardwebhooks import WebhookVerificationError
from timelines import T0, play, school

from schoolpulse.clock import SystemClock
from schoolpulse.incidents.model import Transition
from schoolpulse.metrics import Metrics
from schoolpulse.notify.channels.alertmanager import alertmanager_body
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.channels.webhook import Webhook, own_body
from schoolpulse.notify.delivery import SCHEDULE_S, Delivery
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.notify.signing import new_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "A" * 32
SCHOOLS = {"s1": school("s1", area=("TP.HCM", "Phường 10")), "s2": school("s2")}

OUTAGE = """
{who}: 0-300     speaks
{who}: 345       will
{who}: 900       returns
{who}: 901-1500  speaks
{who}: 905       late 310-890 dead
"""


def outage(who: str = "s1") -> list[Transition]:
    """A page and its all-clear."""
    story = play(OUTAGE.format(who=who), list(SCHOOLS.values()), until=1500)
    return [transition for transition in story.transitions if transition.incident.school == who]


def endpoint(url: str, **more: object) -> EndpointSettings:
    values = {"id": "ops", "url": url, "secret": SECRET, "allow_private": True} | more
    return EndpointSettings.model_validate(values)


def outbox_of(sql: SqlEngine, *endpoints: EndpointSettings, timeout_s: float = 15.0) -> Outbox:
    ways = {
        "schoolpulse": Webhook(own_body, timeout_s=timeout_s),
        "alertmanager": Webhook(alertmanager_body, timeout_s=timeout_s),
    }
    return Outbox(sql, endpoints, ways, school=SCHOOLS.get, public_url="https://sp.example")


def put(outbox: Outbox, sql: SqlEngine, transitions: Sequence[Transition]) -> None:
    with sql.begin() as connection:
        outbox.put(connection, transitions)


def test_a_message_verifies_with_the_reference_library_and_says_what_a_person_needs(sql: SqlEngine) -> None:
    with receiver() as there:
        outbox = outbox_of(sql, endpoint(there.url))
        put(outbox, sql, outage())
        clock = FakeClock(SystemClock().now_ms())
        assert Delivery(outbox, clock).deliver_due() == 2
    opened, resolved = there.calls
    verified = Reference(SECRET).verify(opened.body, opened.headers)
    assert verified["type"] == "incident.opened"
    data = verified["data"]
    assert data["title"] == "🔴 Trường s1: Mất kết nối"
    assert data["text"].splitlines() == [
        "Từ 21:18",
        "Nhà mạng: VNPT",
        "Địa bàn: Phường 10, TP.HCM",
        f"https://sp.example/incidents/{data['incident']['id']}",
    ]
    closing = Reference(SECRET).verify(resolved.body, resolved.headers)["data"]
    assert closing["title"] == "🟢 Trường s1: đã khôi phục"
    assert "9 phút 50 giây" in closing["text"]
    assert "Nguyên nhân: đứt đường truyền" in closing["text"]
    with pytest.raises(WebhookVerificationError):
        Reference(OTHER).verify(opened.body, opened.headers)


def test_during_a_rotation_both_keys_verify(sql: SqlEngine, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{OTHER}\n{SECRET}\n")
    with receiver() as there:
        outbox = outbox_of(sql, endpoint(there.url, secret=None, secret_file=file))
        put(outbox, sql, outage()[:1])
        Delivery(outbox, FakeClock(SystemClock().now_ms())).deliver_due()
    for key in (SECRET, OTHER):
        assert Reference(key).verify(there.calls[0].body, there.calls[0].headers)


def test_a_failing_receiver_gets_the_same_message_again_on_schedule(sql: SqlEngine) -> None:
    clock = FakeClock(T0)
    times: list[int] = []

    def fail(_: Call) -> int:
        times.append(clock.now_ms())
        return 500

    with receiver(fail) as there:
        outbox = outbox_of(sql, endpoint(there.url))
        put(outbox, sql, outage()[:1])
        clock.advance(400)
        delivery = Delivery(outbox, clock, Metrics(), draw=lambda: 0.0)
        for _ in range(20):
            delivery.deliver_due()
            if not outbox.pending():
                break
            clock.advance((outbox.heads()[0].next_ms - clock.now_ms()) / 1000)
    waits = [(after - before) / 1000 for before, after in pairwise(times)]
    assert waits == list(SCHEDULE_S)
    assert len({(call.id, call.body) for call in there.calls}) == 1
    assert outbox.history.page("ops")[0].state == "given_up"


def test_order_is_kept_per_incident_and_other_incidents_overtake(sql: SqlEngine) -> None:
    refused = {"first": True}
    first, second = outage("s1"), outage("s2")

    def answer(call: Call) -> int:
        if json.loads(call.body)["data"]["incident"]["school"] == "s1" and refused.pop("first", False):
            return 503
        return 200

    with receiver(answer) as there:
        outbox = outbox_of(sql, endpoint(there.url))
        put(outbox, sql, [*first, *second])
        clock = FakeClock(T0 + 3_600_000)
        delivery = Delivery(outbox, clock)
        delivery.deliver_due()
        clock.advance(10)
        delivery.deliver_due()
    told = [
        (json.loads(call.body)["type"], json.loads(call.body)["data"]["incident"]["school"])
        for call in there.calls
    ]
    assert told == [
        ("incident.opened", "s1"),
        ("incident.opened", "s2"),
        ("incident.resolved", "s2"),
        ("incident.opened", "s1"),
        ("incident.resolved", "s1"),
    ]


def test_retry_after_is_honoured_in_seconds_and_as_a_date(sql: SqlEngine) -> None:
    answers: list[int | tuple[int, dict[str, str]]] = [
        (429, {"retry-after": "90"}),
        (503, {"retry-after": "Mon, 21 Sep 2026 14:50:00 GMT"}),
        200,
    ]
    with receiver(lambda _: answers.pop(0)) as there:
        outbox = outbox_of(sql, endpoint(there.url))
        put(outbox, sql, outage()[:1])
        clock = FakeClock(T0 + 1_000_000)
        delivery = Delivery(outbox, clock)
        delivery.deliver_due()
        assert outbox.heads()[0].next_ms == clock.now_ms() + 90_000
        clock.advance(90)
        delivery.deliver_due()
        assert outbox.heads()[0].next_ms == pytest.approx(1_790_002_200_000, abs=1)
        clock.advance(3600)
        delivery.deliver_due()
    assert len(there.calls) == 3
    assert outbox.pending() == 0


def test_410_disables_the_endpoint_until_it_is_enabled(sql: SqlEngine) -> None:
    answers = [410, 200, 200]
    with receiver(lambda _: answers.pop(0)) as there:
        outbox = outbox_of(sql, endpoint(there.url))
        put(outbox, sql, outage())
        clock = FakeClock(T0 + 3_600_000)
        delivery = Delivery(outbox, clock)
        assert delivery.deliver_due() == 1
        clock.advance(86_400 * 7)
        assert delivery.deliver_due() == 0
        health = outbox.endpoints()[0]
        assert health.disabled_ms == T0 + 3_600_000
        assert health.pending == 2
        outbox.enable("ops")
        assert delivery.deliver_due() == 2


def test_a_redirect_is_not_followed(sql: SqlEngine) -> None:
    with receiver() as elsewhere, receiver(lambda _: (307, {"location": elsewhere.url})) as there:
        outbox = outbox_of(sql, endpoint(there.url))
        put(outbox, sql, outage()[:1])
        Delivery(outbox, FakeClock(T0 + 3_600_000)).deliver_due()
    assert elsewhere.calls == []
    assert outbox.history.page("ops")[0].last_status == 307
    assert outbox.history.page("ops")[0].state == "pending"


def test_a_receiver_that_hangs_delays_no_other(sql: SqlEngine) -> None:
    with receiver(lambda _: "hang") as stuck, receiver() as well:
        outbox = outbox_of(
            sql, endpoint(stuck.url, id="stuck"), endpoint(well.url, id="well"), timeout_s=30.0
        )
        put(outbox, sql, [*outage("s1"), *outage("s2")])
        delivery = Delivery(outbox, SystemClock())
        delivery.start()
        well.wait_for(lambda calls: len(calls) == 4)
        stuck.wait_for(lambda calls: len(calls) == 2)  # one an incident: the all-clear waits its turn
        assert outbox.history.page("stuck")[0].state == "pending"
        stuck.over.set()
        delivery.stop()


def test_a_receiver_that_hangs_is_cut_after_the_time_out(sql: SqlEngine) -> None:
    with receiver(lambda _: "hang") as stuck:
        outbox = outbox_of(sql, endpoint(stuck.url), timeout_s=0.2)
        put(outbox, sql, outage()[:1])
        assert Delivery(outbox, FakeClock(T0 + 3_600_000)).deliver_due() == 1
    row = outbox.history.page("ops")[0]
    assert (row.state, row.attempts) == ("pending", 1)
    assert row.last_error


def test_alertmanagers_format_keeps_its_labels_from_firing_to_resolved(sql: SqlEngine) -> None:
    with receiver() as there:
        outbox = outbox_of(sql, endpoint(there.url, format="alertmanager", language="en", secret=None))
        put(outbox, sql, outage())
        Delivery(outbox, FakeClock(T0 + 3_600_000)).deliver_due()
    firing, resolved = (json.loads(call.body) for call in there.calls)
    assert (firing["version"], firing["status"], resolved["status"]) == ("4", "firing", "resolved")
    assert firing["alerts"][0]["labels"] == resolved["alerts"][0]["labels"]
    assert firing["alerts"][0]["fingerprint"] == resolved["alerts"][0]["fingerprint"]
    assert firing["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert firing["alerts"][0]["annotations"]["summary"] == "🔴 Trường s1: Connection lost"


def test_each_transition_is_one_row_an_endpoint_whatever_is_put_again(sql: SqlEngine) -> None:
    outbox = outbox_of(
        sql, endpoint("http://127.0.0.1:9/"), endpoint("http://127.0.0.1:9/", id="b", everything=True)
    )
    transitions = outage()
    put(outbox, sql, transitions)
    assert len(outbox.history.page("ops")) == 2
    assert len(outbox.history.page("b")) == len(transitions) == 3
    assert set(channels()) == {"schoolpulse", "alertmanager", "apprise"}
    assert new_secret() != new_secret()
