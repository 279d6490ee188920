"""The API over the real registry, the real incidents and the real embedded store, fed with real messages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from fakes import FakeClock
from http_client import Client
from sqlalchemy import Engine
from timelines import T0, Timeline
from timelines import school as school_named

from schoolpulse.access.access import Access
from schoolpulse.api.app import create_app
from schoolpulse.api.services import Services
from schoolpulse.database import connect
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.live import LiveView
from schoolpulse.metrics import Metrics
from schoolpulse.registry.repository import Registry
from schoolpulse.stores.sink import StoreSink
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings

CUT = """
    0          link up
    s1,s2: 0-300 speaks
    s2: 330-1500 speaks
    s1: 345    will
    s1: 900    returns
    s1: 901-1500 speaks
"""


class District:
    """Sinks and API of one collector, without a broker and a journal."""

    def __init__(self, engine: Engine, store: SqliteStore, clock: FakeClock) -> None:
        self.clock = clock
        self.registry = Registry(engine)
        self.registry.upsert([school_named("s1"), school_named("s2", backup=True)])
        self.live = LiveView(self.registry, clock)
        self.incidents = IncidentSink(
            policy=Policy(), registry=self.registry, sql_engine=engine, listeners=[self.live]
        )
        cursor = [0]
        self.points = StoreSink(
            store=store,
            identify=lambda agent_id, _: agent_id.removeprefix("gw-"),
            load_cursor=lambda: cursor[0],
            save_cursor=lambda position: cursor.__setitem__(0, position),
            put_aside=lambda *put: pytest.fail(str(put)),
            metrics=Metrics(),
            clock=clock,
        )
        self.repository = IncidentRepository(engine)
        self.services = Services(
            access=Access(engine, clock),
            registry=self.registry,
            store=store,
            incidents=self.repository,
            live=self.live,
            metrics=Metrics(),
            clock=clock,
            version="0",
            ready=dict,
        )
        self.client = Client(create_app(self.services))

    def hear(self, text: str, until_s: int) -> None:
        """Let everything happen that the timeline says, up to a second of it."""
        for at_ms, together in groupby(Timeline(text).messages, key=lambda message: message.received_ms):
            messages = [one for one in together if one.position > self.live.position()]
            if not messages or at_ms > T0 + until_s * 1000:
                continue
            self.clock.advance((at_ms - self.clock.now_ms()) / 1000)
            self.incidents.idle(at_ms)
            for sink in (self.points, self.incidents, self.live):
                sink.process(messages, messages[-1].position)
        self.clock.advance((T0 + until_s * 1000 - self.clock.now_ms()) / 1000)
        self.incidents.idle(self.clock.now_ms())


@pytest.fixture
def made(tmp_path: Path) -> Iterator[District]:
    clock = FakeClock(T0)
    store = SqliteStore(SqliteSettings(kind="sqlite", path=tmp_path / "points.db"), clock)
    engine = connect(f"sqlite:///{tmp_path / 'state.db'}")
    yield District(engine, store, clock)
    store.close()
    engine.dispose()


def test_a_cut_from_the_first_silence_to_the_record(made: District) -> None:
    made.hear(CUT, until_s=600)
    during = {item["id"]: item for item in made.client.get("/api/v1/schools").json()["items"]}
    assert {name: item["status"] for name, item in during.items()} == {"s1": "down", "s2": "online"}
    assert during["s1"]["since_ms"] == T0 + 300_000
    (incident,) = made.client.get("/api/v1/incidents?open=true").json()["items"]
    assert (incident["school"], incident["kind"], incident["end"]) == ("s1", "outage", None)
    assert made.client.get("/api/v1/kpi").json()["now"]["connected_ratio"] == 0.5

    made.hear(CUT, until_s=1500)
    assert made.client.get("/api/v1/schools/s1").json()["status"] == "online"
    assert made.client.get("/api/v1/incidents?open=true").json()["items"] == []
    record = made.client.get(f"/api/v1/incidents/{incident['id']}").json()
    assert [record["transitions"][at]["change"] for at in (0, -1)] == ["opened", "resolved"]
    assert (record["start"], record["end"]) == (T0 + 300_000, T0 + 900_000)
    over = made.client.get(f"/api/v1/kpi?from={T0}&to={T0 + 1_500_000}").json()["over"]
    # A silence that nothing explained is no lost hour but one that nobody measured (decision 1000).
    assert (record["cause"], over["lost_hours"]) == ("unknown", 0.0)
    assert over["measured_hours"] == pytest.approx((3000 - 600) / 3600, abs=0.001)
    assert over["proven_ratio"] == pytest.approx(1 - 600 / 3000)


def test_the_series_has_the_silence_as_a_hole(made: District) -> None:
    made.hear(CUT, until_s=1500)
    answer = made.client.get(
        f"/api/v1/schools/s1/series?measurement=reachability&field=rtt_ms&by=scope&by=method"
        f"&from={T0}&to={T0 + 1_500_000}&step=1m"
    ).json()
    national = next(one for one in answer["series"] if one["tags"] == {"scope": "national", "method": "icmp"})
    assert set(national["mean"]) == {9.0}
    silent = [at for at in national["at_ms"] if T0 + 300_000 < at < T0 + 840_000]
    assert silent == []
    assert len(national["at_ms"]) >= 14


def test_a_restart_shows_the_same_wall_before_anybody_speaks(made: District) -> None:
    made.hear(CUT, until_s=600)
    view = LiveView(made.registry, made.clock, position=made.live.position())
    view.restore(made.repository.statuses(), made.repository.open())
    before, after = made.live.snapshot(), view.snapshot()
    for one, two in zip(before.schools, after.schools, strict=True):
        assert (one.school, one.status) == (two.school, two.status)
    assert after.counts == before.counts
    assert after.schools[0].since_ms == T0 + 300_000
    assert list(after.incidents) == list(before.incidents)
