"""A receiver of Alertmanager's version 4 that others wrote: Alerta, unmodified, takes what our outbox sends.

Alerta keeps what it understood of each message in a database of its own and gives it back by its API. It
knows an alert again by environment, ``instance`` and ``alertname``, as its readers do.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import urllib3
from fakes import FakeClock
from parts import REQUIRED, Part, free_port
from parts.postgres import Postgres
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import make_url
from timelines import T0, play, school

from schoolpulse.clock import SystemClock
from schoolpulse.database import connect
from schoolpulse.i18n import translate
from schoolpulse.incidents.model import Change, Transition
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.delivery import Delivery
from schoolpulse.notify.history import OutboxRow
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.notify.signing import new_secret
from schoolpulse.notify.testing import send_test

REQUIREMENTS = Path(__file__).parent / "alerta/requirements.txt"
SCHOOLS = {one: school(one, area=("TP.HCM", "Phường 10")) for one in ("s1", "s2", "s3")}
OUTAGE = """
s1,s2: 0-300     speaks
s1,s2: 345       will
s1:    900       returns
s1:    901-1500  speaks
s1:    905       late 310-890 dead
"""
"""Both schools fall silent; one comes back and tells that its line was cut."""
TWO_OUTAGES = """
s3: 0-300     speaks
s3: 345       will
s3: 900       returns
s3: 901-3000  speaks
s3: 3045      will
"""
CHANGED_OVER = """
s4: 0-300    speaks
s4: 330      will
s4: 350      returns
s4: 352-900  speaks backup
s4: 901-3000 speaks
"""


class Alerta:
    """One that runs, and what it says."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self.hook = self._base + "/webhooks/prometheus"

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Every alert that it knows, by its event and resource."""
        answer = urllib3.request("GET", self._base + "/alerts?status=open&status=closed")
        assert answer.status == 200, answer.data
        found: list[dict[str, Any]] = answer.json()["alerts"]
        return {f"{one['event']} {one['resource']}": one for one in found}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alerta in an environment of its own."""
    folder = tmp_path_factory.mktemp("alerta")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    how = ["--disable-pip-version-check", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    installed = subprocess.run([*install, *how, "-r", REQUIREMENTS], capture_output=True, check=False)
    if installed.returncode and not REQUIRED:
        pytest.skip("Alerta cannot be installed: is there a network?")
    assert installed.returncode == 0, installed.stderr
    return folder / "bin/alertad"


@pytest.fixture(scope="module")
def alerta(
    program: Path, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Alerta]:
    port = free_port()
    url = make_url(postgres_server.url()).set(drivername="postgresql").render_as_string()
    # Nothing of this environment: Alerta takes its settings from there.
    settings = ["env", "-i", "LC_ALL=C.UTF-8", f"DATABASE_URL={url}", "SECRET_KEY=of-a-test", "DEBUG=0"]
    part = Part([*settings, str(program), "run", "--port", str(port)], port, program.parent / "alerta.log")
    part.start()
    try:
        yield Alerta(port)
    finally:
        part.stop()


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[SqlEngine]:
    """One database is enough: what goes out is the same from both."""
    engine = connect(f"sqlite:///{tmp_path / 'state.db'}")
    yield engine
    engine.dispose()


def outbox_to(sql: SqlEngine, url: str, form: str) -> Outbox:
    values = {"id": "duty", "url": url, "format": form, "secret": new_secret()}
    to = EndpointSettings.model_validate(values | {"allow_private": True, "everything": True})
    return Outbox(sql, [to], channels(), school=SCHOOLS.get, public_url="https://sp.example")


def deliver(outbox: Outbox, sql: SqlEngine, transitions: Sequence[Transition]) -> OutboxRow:
    """Put them in, send what is due, and say how the last one went."""
    with sql.begin() as connection:
        outbox.put(connection, transitions)
    Delivery(outbox, FakeClock(T0 + 3_600_000)).deliver_due()
    return outbox.history.page("duty")[0]


def test_it_follows_an_outage_from_its_opening_to_its_end(alerta: Alerta, sql: SqlEngine) -> None:
    story = play(OUTAGE, list(SCHOOLS.values()), until=1500)
    *opened, amended, resolved = story.transitions
    assert [one.change for one in opened] == [Change.OPENED] * 2
    assert (amended.change, resolved.change) == (Change.AMENDED, Change.RESOLVED)
    outbox = outbox_to(sql, alerta.hook, "alertmanager")

    assert deliver(outbox, sql, opened).last_status == 201
    ours = {one.incident.school: f"broadband_lost {one.incident.school}/{one.incident.id}" for one in opened}
    first, other = (alerta.alerts()[ours[one]] for one in ("s1", "s2"))
    assert (first["event"], first["severity"], first["status"]) == ("broadband_lost", "critical", "open")
    assert first["group"] == "schoolpulse"
    assert {"school=s1", "school_name=Trường s1", "provider=VNPT", "scope=school"} <= set(first["tags"])
    assert first["text"].splitlines()[:3] == ["Từ 21:18", "Nhà mạng: VNPT", "Địa bàn: Phường 10, TP.HCM"]
    assert "school_name=Trường s2" in other["tags"]
    assert first["attributes"]["externalUrl"] == "https://sp.example"
    assert f"https://sp.example/incidents/{opened[0].incident.id}" in first["attributes"]["moreInfo"]

    assert deliver(outbox, sql, [amended]).last_status == 201
    now = alerta.alerts()[ours["s1"]]
    assert (now["id"], now["status"], now["duplicateCount"]) == (first["id"], "open", 1)
    assert "Nguyên nhân: đứt đường truyền" in now["text"].splitlines()
    assert (now["attributes"]["kind"], now["attributes"]["cause"]) == ("outage", "line_cut")

    assert deliver(outbox, sql, [resolved]).last_status == 201
    ended = alerta.alerts()
    assert (ended[ours["s1"]]["id"], ended[ours["s1"]]["status"]) == (first["id"], "closed")
    assert ended[ours["s1"]]["severity"] == "normal"
    added = set(ended[ours["s1"]]["tags"]) - set(first["tags"])
    assert added == {"severity=critical"}, "the labels stay; of one that fires it takes this one away"
    assert "Từ 21:18 đến 21:28 (9 phút 50 giây)" in ended[ours["s1"]]["text"].splitlines()
    assert ended[ours["s1"]]["attributes"]["endsAt"] == "2026-09-21T14:28:20.000Z"
    assert ended[ours["s2"]]["status"] == "open", "the other school's is another alert"
    assert len([one for one in ended if one.startswith("broadband_lost s1/")]) == 1


def test_the_end_of_an_earlier_outage_closes_no_later_one(alerta: Alerta, sql: SqlEngine) -> None:
    story = play(TWO_OUTAGES, list(SCHOOLS.values()), until=4000)
    earlier, later = (one.id for one in story.incidents)
    [end] = [one for one in story.transitions if one.change is Change.RESOLVED]
    outbox = outbox_to(sql, alerta.hook, "alertmanager")
    deliver(outbox, sql, [one for one in story.transitions if one.change is Change.OPENED])
    deliver(outbox, sql, [end])  # as after a receiver's failure: incidents do not wait for each other
    now = alerta.alerts()
    assert now[f"broadband_lost s3/{earlier}"]["status"] == "closed"
    assert now[f"broadband_lost s3/{later}"]["status"] == "open"


def test_an_outage_that_turns_out_to_be_on_backup_stays_one_alert(alerta: Alerta, sql: SqlEngine) -> None:
    story = play(CHANGED_OVER, [*SCHOOLS.values(), school("s4", backup=True)], until=3000)
    kinds = [one.incident.kind.value for one in story.transitions]
    assert (kinds[0], kinds[-1], story.transitions[-1].change) == ("outage", "on_backup", Change.RESOLVED)
    deliver(outbox_to(sql, alerta.hook, "alertmanager"), sql, story.transitions)
    [only] = [one for name, one in alerta.alerts().items() if f"/{story.only.id}" in name]
    assert (only["status"], only["attributes"]["kind"]) == ("closed", "on_backup")


def test_it_takes_test_messages_and_summaries(alerta: Alerta, sql: SqlEngine) -> None:
    outbox = outbox_to(sql, alerta.hook, "alertmanager")
    [settings] = [one.settings for one in outbox.endpoints()]
    assert send_test(outbox, settings, SystemClock().now_ms()).delivered
    incidents = play(OUTAGE, list(SCHOOLS.values()), until=600).incidents
    with sql.begin() as connection:
        outbox.summarise(connection, "summary-1", T0, incidents, ["duty"])
    assert deliver(outbox, sql, []).last_status == 201
    found = {one["event"]: one["text"] for one in alerta.alerts().values()}
    assert found["test"] == translate("notify.test.text", "vi")
    assert "Trường s1" in found["summary"]
    assert "Trường s2" in found["summary"]


def test_it_refuses_what_is_no_message_of_alertmanagers(alerta: Alerta, sql: SqlEngine) -> None:
    outbox = outbox_to(sql, alerta.hook, "schoolpulse")
    row = deliver(outbox, sql, play(OUTAGE, list(SCHOOLS.values()), until=600).transitions[:1])
    assert (row.state, row.last_status) == ("pending", 400)
