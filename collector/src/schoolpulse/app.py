"""One collector, wired: everything is made here and nothing imports this.

Data flows one way: broker -> subscriber -> journal -> sinks (store, incidents, live) -> outbox, API, page.
Starting goes from the far end to the near one, stopping the other way round, so that nothing is taken in
that cannot be passed on.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping

from schoolpulse import __version__, interpreter
from schoolpulse.access.access import Access
from schoolpulse.api.app import create_app
from schoolpulse.api.record_common import RegistryDesk
from schoolpulse.api.services import AgentsBehind, People, Services
from schoolpulse.broker.base import EmbeddedBroker
from schoolpulse.broker.registry import embedded_broker, start_broker
from schoolpulse.clock import Clock, SystemClock
from schoolpulse.config import Config
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.replies import ReplySink
from schoolpulse.enrolment.rounds import AgentRounds
from schoolpulse.export.exporter import Exporter
from schoolpulse.incidents.mutes import CalendarSettings, SchoolCalendar
from schoolpulse.incidents.people import Maintenance, Note, Notes
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.ingest.journal import Journal
from schoolpulse.ingest.pump import SinkRunner
from schoolpulse.ingest.subscriber import Subscriber
from schoolpulse.ingest.trimmer import Trimmer
from schoolpulse.live import LiveView
from schoolpulse.local_time import DAY_MS
from schoolpulse.metrics import Metrics
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.delivery import Delivery
from schoolpulse.notify.history import History
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.policy import PolicyFile, load_rules
from schoolpulse.notify.rounds import Rounds
from schoolpulse.registry.repository import Registry
from schoolpulse.reports.facts import Sources
from schoolpulse.reports.maker import Reports
from schoolpulse.server import WebServer
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.registry import create_store
from schoolpulse.stores.sink import StoreSink

_log = logging.getLogger(__name__)

REGISTRY_REFRESH_S = 2.0
STORE_LINGER_S = 0.25
"""The store likes few and large writes; a quarter of a second nobody sees on a chart."""


class Collector:
    """Everything behind one configuration, from `start` to `stop`.

    Raises:
        SchoolPulseError: the port is taken, a file cannot be opened, a secret cannot be read.
    """

    def __init__(self, config: Config, clock: Clock | None = None, policy: Policy | None = None) -> None:
        self.clock = clock or SystemClock()
        self._config = config
        self.metrics = Metrics()
        rules = load_rules(config.policy_file, config.endpoints)
        self._server = WebServer(config.http.host, config.http.port)
        self.url = f"http://{config.http.host}:{self._server.port}/"
        self._database = config.open_state()
        self.access = Access(self._database, self.clock, settings=config.access, listens_on=config.http.host)
        self.registry = Registry(self._database, self.clock)
        self.journal = Journal(
            config.data_dir / "journal.db",
            max_bytes=config.ingest.max_journal_bytes,
            metrics=self.metrics,
            clock=self.clock,
        )
        self.store = create_store(config.store)
        self.incidents = IncidentRepository(self._database)
        self.outbox = Outbox(
            self._database,
            config.endpoints,
            channels(),
            school=self.registry.school,
            routes=rules.route,
            public_url=config.http.public_url,
        )
        self.reports = Reports(
            Sources(
                registry=self.registry,
                incidents=self.incidents,
                store=self.store,
                first_seen=self.incidents.first_seen_all,
            ),
            self.clock,
            rules.school_calendar(),
            config.report,
        )
        self._delivery = Delivery(self.outbox, self.clock, self.metrics)
        keep_ms = round(config.outbox.keep_days * DAY_MS)
        self._rounds = Rounds(self._database, self.outbox, rules.summary, self.clock, keep_ms=keep_ms)
        self.live = LiveView(self.registry, self.clock, position=self.journal.last_position)
        self._exporter = self._make_exporter(rules)
        self._calendar = rules.calendar
        self._incident_sink = IncidentSink(
            policy=policy or rules.thresholds(),
            registry=self.registry,
            sql_engine=self._database,
            outbox=self.outbox,
            metrics=self.metrics,
            listeners=[self.live, *([self._exporter] if self._exporter else [])],
            mutes=rules.mutes(),
            started_ms=self.clock.now_ms(),
        )
        open_now = self.incidents.open()
        taken = Notes(self._database).acknowledged([one.id for one in open_now])
        self.live.restore(self._incident_sink.statuses(), open_now, taken)
        self._subscriber = Subscriber(
            config.broker_settings,
            self.journal,
            self.clock,
            self.metrics,
            settings=config.ingest,
            crowded=lambda: any(runner.hurries for runner in self._runners),
        )
        self.agents = AgentDesk.open(
            self._database,
            self.registry,
            self.clock,
            config.enrolment,
            config.accounts,
            config.broker_settings,
        )
        self._agent_rounds = AgentRounds(self.agents, self._subscriber.publish, self.clock)
        self._broker = _embedded(config)
        self._runners = self._make_runners()
        self._trimmer = Trimmer(self.journal, self._runners, self.clock)
        self._stopping = threading.Event()
        self._refresher = threading.Thread(target=self._refresh, name="registry", daemon=True)

    def start(self) -> None:
        """Start every part; returns when messages are taken and pages are answered.

        Raises:
            SchoolPulseError: the embedded broker or the web server does not start.
        """
        if self._broker is not None:
            start_broker(self._broker, self.clock)
        self._delivery.start()
        self._rounds.start()
        for runner in self._runners:
            runner.start()
        self._trimmer.start()
        self._refresher.start()
        self._subscriber.start()
        self._agent_rounds.start()
        self._server.start(create_app(self._services()))
        interpreter.tune()
        _log.info("serving %s", self.url)
        if (first := self.access.first_steps(self._config.http.public_url or self.url)) is not None:
            _log.warning(first)

    def stop(self) -> None:
        """Stop taking messages, pass on what is here as far as it goes, let go of everything."""
        self._stopping.set()
        self.live.close()
        with contextlib.ExitStack() as parts:
            parts.callback(self._database.dispose)
            parts.callback(self.store.close)
            parts.callback(self.journal.close)
            parts.callback(self._delivery.stop)
            parts.callback(self._rounds.stop)
            parts.callback(self._trimmer.stop)
            for runner in self._runners:
                parts.callback(runner.stop)
            if self._broker is not None:
                parts.callback(self._broker.stop)
            parts.callback(self._subscriber.stop)
            parts.callback(self._agent_rounds.stop)
            parts.callback(self._server.stop)
        _log.info("stopped")

    @property
    def caught_up(self) -> bool:
        """Whether every sink has everything that the journal has."""
        return all(runner.caught_up for runner in self._runners)

    def _make_runners(self) -> list[SinkRunner]:
        store = StoreSink(
            store=self.store,
            export=self._exporter.export if self._exporter else None,
            identify=self._identify,
            load_cursor=lambda: self.journal.cursor("store"),
            save_cursor=lambda position: self.journal.set_cursor("store", position),
            put_aside=lambda reason, detail, payload: self.journal.put_aside(
                reason, detail, "store", payload
            ),
            metrics=self.metrics,
            clock=self.clock,
        )
        newest = self.journal.last_position  # answers to commands of an earlier release: there are none
        replies = ReplySink(
            self.agents.orders,
            load_cursor=lambda: self.journal.cursor("commands") or newest,
            save_cursor=lambda position: self.journal.set_cursor("commands", position),
            wake=self._agent_rounds.wake,
        )
        return [
            SinkRunner(self.journal, store, self.clock, self.metrics, linger_s=STORE_LINGER_S),
            SinkRunner(
                self.journal,
                self._incident_sink,
                self.clock,
                self.metrics,
                watermark=self._subscriber.watermark,
            ),
            SinkRunner(self.journal, self.live, self.clock, self.metrics),
            SinkRunner(self.journal, replies, self.clock, self.metrics, linger_s=STORE_LINGER_S),
        ]

    def _make_exporter(self, rules: PolicyFile) -> Exporter | None:
        """What dashboards need beside the samples, where the store is one that Grafana reads."""
        if not isinstance(self._config.store, InfluxSettings):
            return None
        from schoolpulse.stores.influx import InfluxStore  # noqa: PLC0415 -- see stores.registry

        assert isinstance(self.store, InfluxStore)  # noqa: S101 -- made from these settings
        return Exporter(
            store=self.store,
            settings=self._config.store,
            live=self.live,
            incidents=self.incidents,
            metrics=self.metrics,
            is_open=SchoolCalendar(rules.calendar or CalendarSettings()).is_open,
        )

    def _identify(self, agent_id: str, at_ms: int) -> str | None:
        school = self.registry.school_of(agent_id, at_ms)
        return school.id if school else None

    def _refresh(self) -> None:
        while not self.clock.wait(self._stopping, REGISTRY_REFRESH_S):
            try:
                if self.registry.refresh():
                    _log.info("the registry has changed: %d schools", len(self.registry.schools()))
                self._incident_sink.take_up_windows()
            except Exception:  # noqa: BLE001 - what was known is better than nothing
                _log.exception("registry and maintenance cannot be read anew")

    def _ready(self) -> Mapping[str, str]:
        parts = {"broker": self._subscriber.trouble or "ok", "accounts": self._agent_rounds.trouble or "ok"}
        parts |= {runner.name: runner.failing or "ok" for runner in self._runners}
        return parts

    def _note_added(self, note: Note) -> None:
        """Whoever looks at the incident sees it at once."""
        self.live.on_note(note, self.incidents.get(note.incident))

    def _services(self) -> Services:
        return Services(
            access=self.access,
            registry=self.registry,
            store=self.store,
            incidents=self.incidents,
            live=self.live,
            metrics=self.metrics,
            clock=self.clock,
            reports=self.reports,
            version=__version__,
            ready=self._ready,
            public_url=self._config.http.public_url,
            page=self._config.page,
            calendar=self._calendar,
            records=RegistryDesk(self.registry, self._config.area),
            agents=AgentsBehind(self.agents, self._agent_rounds.wake),
            people=People(
                notes=Notes(self._database, self._note_added),
                maintenance=Maintenance(self._database, self._incident_sink.take_up_windows),
                history=History(self._database, self._config.endpoints),
                outbox=self.outbox,
            ),
        )


def _embedded(config: Config) -> EmbeddedBroker | None:
    settings = config.embedded_broker
    if settings is None:
        return None
    folder = config.data_dir / "broker"
    return embedded_broker(settings.name, host=settings.host, port=settings.port, folder=folder)
