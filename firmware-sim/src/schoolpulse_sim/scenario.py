"""A scenario: what the district is like and what goes wrong in it. Every setting, with its meaning.

The file is TOML; unknown keys are refused with a suggestion, and all mistakes are told at once. The
library's scenarios are found by name. `docs/contributor/simulator.md` shows the settings in use.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schoolpulse.errors import UsageError
from schoolpulse.toml_file import parse
from schoolpulse_sim.timing import DAY, HOUR, LOCAL, MINUTE, SECOND, Moment, Span

Level = Literal["mam_non", "tieu_hoc", "thcs"]
Share = Annotated[float, Field(ge=0, le=1)]


class FaultKind(StrEnum):
    """What can go wrong."""

    LINE_CUT = "line_cut"
    FLAPPING = "flapping"
    POWER_CUT = "power_cut"
    GATEWAY_REBOOT = "gateway_reboot"
    GATEWAY_CRASH = "gateway_crash"
    AGENT_UPDATE = "agent_update"
    AGENT_STOPPED = "agent_stopped"
    PROVIDER_OUTAGE = "provider_outage"
    INTERNATIONAL_CUT = "international_cut"
    DNS_FAILURE = "dns_failure"
    CAPTIVE_PORTAL = "captive_portal"
    DEGRADED_LINE = "degraded_line"
    DEVICE_FAILURE = "device_failure"
    SWITCH_FAILURE = "switch_failure"
    PROVIDER_MOVE = "provider_move"
    BROKER_AWAY = "broker_away"
    COLLECTOR_AWAY = "collector_away"
    CLOCK_UNSET = "clock_unset"
    CLOCK_JUMP = "clock_jump"
    COUNTER_RESET = "counter_reset"
    SURGE = "surge"


DISTRICT_WIDE = frozenset({FaultKind.INTERNATIONAL_CUT, FaultKind.BROKER_AWAY, FaultKind.COLLECTOR_AWAY})
"""Kinds that happen to everybody at once and so choose no school."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _ascending(pair: tuple[int, int]) -> tuple[int, int]:
    if pair[0] > pair[1]:
        raise ValueError("from the smaller to the larger")
    return pair


SpanRange = Annotated[tuple[Span, Span], AfterValidator(_ascending)]


class About(_Table):
    """``[scenario]``: what it is."""

    title: str
    summary: str = ""
    starts: datetime = datetime(2026, 10, 5, 7, 0, tzinfo=LOCAL)
    """When virtual time begins (`generate`); a real-time run begins now."""
    lasts: Span = DAY
    """How long `generate` goes on without ``--days``; a real-time run goes on until it is ended."""

    @model_validator(mode="after")
    def _knows_its_zone(self) -> Self:
        if self.starts.tzinfo is None:
            raise ValueError("starts: write the offset, as in 2026-10-05T07:00:00+07:00")
        return self


class DistrictSettings(_Table):
    """``[district]``: the schools and what stands in them."""

    schools: Annotated[int, Field(ge=1, le=100_000)] = 40
    devices: Annotated[tuple[int, int], AfterValidator(_ascending)] = (10, 80)
    """Fewest and most devices behind a gateway."""
    classrooms: Annotated[tuple[int, int], AfterValidator(_ascending)] = (0, 0)
    """Fewest and most classrooms of a school with an agent of their own."""
    classroom_hours: Literal["school", "always"] = "school"
    """Whether their machines are switched off in the evening and where there is no school."""
    backup_share: Share = 0.55
    """Schools with a 4G or 5G backup."""
    battery_share: Share = 0.3
    """Schools whose gateway hangs on a battery (UPS)."""
    providers: dict[str, Annotated[float, Field(gt=0)]] = {"VNPT": 40, "Viettel": 35, "FPT": 20, "CMC": 5}
    """Providers and their weights."""


class AgentSettings(_Table):
    """``[agent]``: how the gateways' agents are set; the defaults are the real agent's."""

    probe: Annotated[Span, Field(ge=SECOND)] = 10 * SECOND
    batch: Annotated[Span, Field(ge=SECOND)] = 30 * SECOND
    devices: Annotated[Span, Field(ge=SECOND)] = MINUTE
    """Between two looks at the devices behind the gateway."""
    keepalive: Annotated[Span, Field(ge=5 * SECOND)] = 30 * SECOND
    reconnect_spread: Annotated[Span, Field(ge=SECOND)] = 40 * SECOND
    """After a lost connection the first try comes at a random moment within this time."""
    reconnect_max: Annotated[Span, Field(ge=SECOND)] = 2 * MINUTE
    """Further tries come within a time that doubles up to this."""
    keep_batches: Annotated[int, Field(ge=1, le=1_000_000)] = 25_000
    """Unconfirmed batches kept; beyond it the oldest is discarded, and said so."""
    backlog_per_s: Annotated[int, Field(ge=1, le=1_000)] = 10
    """Old batches sent a second, after the newest."""


class Monitoring(_Table):
    """``[monitoring]``: when somebody wants to know; outages outside are true but not detectable."""

    hours: Literal["always", "school"] = "always"
    shortest: Span = MINUTE
    """Events shorter than this need not be found."""
    shortest_degraded: Span = 30 * MINUTE
    shortest_device: Span = 5 * MINUTE
    """The same for a degraded line, and for a device behind the gateway."""


class Where(_Table):
    """Which schools an event or a rate concerns. What is left out does not narrow."""

    schools: list[str] | None = None
    """School ids."""
    backup: bool | None = None
    battery: bool | None = None
    provider: str | None = None
    level: Level | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    """So many of those that match, drawn by the seed; one where neither `count` nor `share` is given."""
    share: Share | None = None
    """Such a share of those that match, drawn by the seed."""


class _What(_Table):
    kind: FaultKind
    where: Where = Where()
    provider: str | None = None
    """Whose outage it is (`provider_outage`), or whom the school moves to (`provider_move`)."""
    loss_ratio: Share | None = None
    """Lost at the worst moment (`degraded_line`)."""
    extra_ms: Annotated[float, Field(ge=0)] | None = None
    """Added delay at the worst moment (`degraded_line`)."""
    down: Span | None = None
    """How long each of the short cuts lasts (`flapping`)."""
    every: Annotated[Span, Field(ge=SECOND)] | None = None
    """From one short cut to the next (`flapping`)."""
    jump: int | None = None
    """Seconds that the clock is wrong by (`clock_jump`); may be negative."""
    factor: Annotated[float, Field(gt=0, le=10)] | None = None
    """Times the hour's usual traffic (`surge`)."""
    muted: bool = False
    """A maintenance window covers it: true, but nobody is to be woken."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, kinds in _BELONGS_TO.items():
            if getattr(self, name) is not None and self.kind not in kinds:
                raise ValueError(f"{name} says nothing about {self.kind}")
        if self.kind in _BELONGS_TO["provider"] and self.provider is None:
            raise ValueError(f"{self.kind} needs a provider")
        if self.kind in DISTRICT_WIDE and self.where != Where():
            raise ValueError(f"{self.kind} concerns everybody; where cannot narrow it")
        return self


_BELONGS_TO = {
    "provider": {FaultKind.PROVIDER_OUTAGE, FaultKind.PROVIDER_MOVE},
    "loss_ratio": {FaultKind.DEGRADED_LINE},
    "extra_ms": {FaultKind.DEGRADED_LINE},
    "down": {FaultKind.FLAPPING},
    "every": {FaultKind.FLAPPING},
    "jump": {FaultKind.CLOCK_JUMP},
    "factor": {FaultKind.SURGE},
}


class Event(_What):
    """``[[event]]``: something that goes wrong at a known time."""

    at: Moment
    lasts: Span = 5 * MINUTE
    spread: Span = 0
    """Where several schools are concerned, each begins up to this much later, drawn by the seed."""


class Rate(_What):
    """``[[rate]]``: something that goes wrong now and then."""

    per_school_day: Annotated[float, Field(gt=0, le=100)]
    """How often on average, for each school (or provider, or district) and day of 24 hours."""
    lasts: SpanRange = (MINUTE, HOUR)
    """Shortest and longest; drawn so that short ones are more frequent."""
    hours: Annotated[tuple[int, int], AfterValidator(_ascending)] = (0, 24)
    """Begins only between these local hours."""


class Disorder(_Table):
    """``[messages]``: what the network does to messages on their way (`generate` only, but for malformed)."""

    duplicate_share: Share = 0
    late_share: Share = 0
    late_by: SpanRange = (MINUTE, HOUR)
    reorder_share: Share = 0
    """Messages that are held back for up to `reorder_by` and so overtaken."""
    reorder_by: Span = 20 * SECOND
    malformed_per_school_day: Annotated[float, Field(ge=0, le=1_000)] = 0
    """Messages that break the contract, beside the good ones."""


class Scenario(_Table):
    """A whole scenario file."""

    scenario: About
    district: DistrictSettings = DistrictSettings()
    agent: AgentSettings = AgentSettings()
    monitoring: Monitoring = Monitoring()
    messages: Disorder = Disorder()
    event: list[Event] = []
    rate: list[Rate] = []

    def sized(self, schools: int | None) -> Scenario:
        """The same with another number of schools."""
        if schools is None:
            return self
        district = DistrictSettings.model_validate(self.district.model_dump() | {"schools": schools})
        return self.model_copy(update={"district": district})


def _library() -> Traversable:
    installed = files(__package__).joinpath("scenarios")
    if installed.is_dir():
        return installed
    # An editable install runs from the source tree, where the scenarios lie beside src/.
    return Path(__file__).parents[2] / "scenarios"


def library() -> list[str]:
    """The names of the scenarios that come with the simulator."""
    return sorted(file.name[:-5] for file in _library().iterdir() if file.name.endswith(".toml"))


def load_scenario(name: str | Path) -> Scenario:
    """The scenario in the file `name`, or of that name in the library.

    Raises:
        ConfigError: with every mistake in the file.
        UsageError: there is no such file and no such name.
    """
    path = Path(name)
    if path.suffix == ".toml":
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}", hint="is the path right?") from error
        return parse(data, Scenario, name=str(path))
    if str(name) not in library():
        raise UsageError(f"no scenario {str(name)!r}", hint=f"there are {', '.join(library())}, or FILE.toml")
    data = _library().joinpath(f"{name}.toml").read_bytes()
    return parse(data, Scenario, name=f"{name}.toml")
