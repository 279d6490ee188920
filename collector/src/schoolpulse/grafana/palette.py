"""What colours and limits mean, the same on every dashboard and on the collector's own page.

The colours of states are those of the page's ``base.css``. They differ in lightness as well as in hue, and
wherever a state is shown its word stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from schoolpulse.export.records import SEVERITY
from schoolpulse.i18n import Language, translate
from schoolpulse.incidents.model import SchoolStatus

GOOD, FAIR, POOR, BAD, GREY = "#3fb3c4", "#e9d75a", "#f2b544", "#c63a20", "#9fb0c0"
STATE_COLOURS = {
    SchoolStatus.ONLINE: GOOD,
    SchoolStatus.DEGRADED: FAIR,
    SchoolStatus.ON_BACKUP: POOR,
    SchoolStatus.STOPPED: GREY,
    SchoolStatus.UNKNOWN: "#5a6b79",
    SchoolStatus.DOWN: BAD,
}
Limits = Sequence[tuple[float | None, str]]
"""From this value on, this colour; the first has no value."""

AVAILABILITY: Limits = ((None, BAD), (0.95, POOR), (0.99, FAIR), (0.999, GOOD))
CONNECTED: Limits = ((None, BAD), (0.95, POOR), (1.0, GOOD))
RTT_MS: Limits = ((None, GOOD), (60, FAIR), (120, POOR), (250, BAD))
LOSS: Limits = ((None, GOOD), (0.01, FAIR), (0.03, POOR), (0.1, BAD))
DELIVERED: Limits = ((None, BAD), (0.5, POOR), (0.8, FAIR), (0.95, GOOD))
NONE_IS_GOOD: Limits = ((None, GOOD), (1, POOR), (5, BAD))
ANY_IS_BAD: Limits = ((None, GOOD), (1, BAD))
CHARGE: Limits = ((None, BAD), (0.3, POOR), (0.6, GOOD))
SUPPLY: Limits = ((None, BAD), (0.1, POOR), (0.25, GOOD))
LAMP_H: Limits = ((None, GOOD), (2_000, FAIR), (3_000, POOR), (4_000, BAD))
UP: Limits = ((None, BAD), (1, GOOD))
PLAIN: Limits = ((None, GOOD),)


def thresholds(limits: Limits) -> ThresholdsConfig:
    """Limits as Grafana takes them."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=colour) for value, colour in limits])
    )


def by_threshold() -> FieldColor:
    """Colours by the limits."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


def state_mappings(language: Language) -> list[ValueMapping]:
    """The numbers of states as words with their colours."""
    words = {
        str(code): ValueMappingResult(
            text=translate(f"web.status.{status.value}", language),
            color=STATE_COLOURS[status],
            index=code,
        )
        for status, code in SEVERITY.items()
    }
    return [ValueMap(options=words)]


def yes_no(language: Language) -> list[ValueMapping]:
    """1 and 0 as words."""
    return _words(language, {1: ("up", GOOD), 0: ("down", BAD)})


def in_use(language: Language) -> list[ValueMapping]:
    """1 and 0 of a line that is in use or waits."""
    return _words(language, {1: ("in_use", GOOD), 0: ("waiting", GREY)})


def no_yes(language: Language) -> list[ValueMapping]:
    """1 and 0 of something that should not be."""
    return _words(language, {0: ("no", GOOD), 1: ("yes", BAD)})


def _words(language: Language, shown: Mapping[int, tuple[str, str]]) -> list[ValueMapping]:
    """The word and the colour of each value, in this order."""
    options = {
        str(value): ValueMappingResult(
            text=translate(f"dash.word.{word}", language), color=colour, index=index
        )
        for index, (value, (word, colour)) in enumerate(shown.items())
    }
    return [ValueMap(options=options)]
