"""Providers side by side: what they delivered, beside what was contracted, and what failed for which reason."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board, merged
from schoolpulse.grafana.variables import LASTING, STEP, TIERED, matches, of_registry, total
from schoolpulse.i18n import Language, translate

LINE_CAUSES = ("line_cut", "provider_outage", "international_cut", "dns_failure", "degraded_line")
"""Causes that are the line's or the provider's."""
OTHER_CAUSES = ("power_cut", "gateway_reboot", "gateway_crash", "unknown")
RTT = f"sum({total('rtt_total_ms')}) / sum({total('rtt_schools')})"
LOSS = f"sum({total('loss_total')}) / sum({total('loss_schools')})"
"""Means over the provider's schools, exact in every tier."""


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    provider = of_registry("provider", translate("dash.word.provider", language))
    board = Board("providers", language, start="now-30d", variables=[provider])
    _beside(board)
    _over_time(board)
    _outages(board)
    return board


def _beside(board: Board) -> None:
    status = f'FROM {TIERED}"provider_status" WHERE $timeFilter AND {matches("provider")} GROUP BY "provider"'
    board.bars(
        "availability",
        f"SELECT sum({total('broadband')}) / sum({total('measured')}) {status}",
        label="provider",
        unit="percentunit",
        limits=palette.AVAILABILITY,
    )
    board.bars(
        "delivered",
        f'SELECT mean("down_ratio") FROM {TIERED}"line_speed" WHERE $timeFilter AND {matches("provider")} GROUP BY "provider"',
        label="provider",
        unit="percentunit",
        limits=palette.DELIVERED,
    )
    board.bars(
        "rtt",
        f"SELECT {RTT} {status}",
        label="provider",
        unit="ms",
        limits=palette.RTT_MS,
    )
    each = (
        'SELECT last("code") AS "n", last("contracted_down_mbps") AS "down" FROM "school_now"'
        f' WHERE time > now() - 5m AND {matches("provider")} GROUP BY "school", "provider"'
    )
    board.table(
        "table",
        [
            f'SELECT count("n") AS "lines", sum("down") AS "contracted" FROM ({each}) GROUP BY "provider"',
            f'SELECT sum({total("broadband")}) / sum({total("measured")}) AS "availability", {RTT} AS "rtt_ms",'
            f' {LOSS} AS "loss_ratio" {status}',
        ],
        {
            "provider": (board.word("provider"), "none"),
            "lines": (board.word("lines"), "short"),
            "contracted": (board.word("contracted_down"), "Mbits"),
            "availability": (board.word("availability"), "percentunit", palette.AVAILABILITY),
            "rtt_ms": (board.word("rtt"), "ms", palette.RTT_MS),
            "loss_ratio": (board.word("loss"), "percentunit", palette.LOSS),
        },
        span=24,
        height=6,
        sort=("availability", False),
        transformations=[merged()],
    )


def _over_time(board: Board) -> None:
    grouped = f'WHERE $timeFilter AND {matches("provider")} GROUP BY time({STEP}), "provider" fill(null)'
    board.series(
        "availability_over_time",
        [
            (
                f'SELECT sum({total("broadband")}) / sum({total("measured")}) FROM {TIERED}"provider_status" {grouped}',
                "$tag_provider",
            )
        ],
        unit="percentunit",
        top=1,
    )
    board.series(
        "rtt_over_time",
        [(f'SELECT {RTT} FROM {TIERED}"provider_status" {grouped}', "$tag_provider")],
        unit="ms",
    )


def _outages(board: Board) -> None:
    causes = {cause: translate(f"cause.{cause}", board.language) for cause in (*LINE_CAUSES, *OTHER_CAUSES)}
    # Those of a provider as a whole hold the schools' inside them: the schools' own are counted.
    what = f'FROM {LASTING}"incident" WHERE $timeFilter AND "scope" = \'school\' AND {matches("provider")}'
    board.table(
        "causes",
        [
            f'SELECT count("id") AS "{words}" {what} AND "cause" = \'{cause}\' GROUP BY "provider"'
            for cause, words in causes.items()
        ],
        {"provider": (board.word("provider"), "none")}
        | {words: (words, "short") for words in causes.values()},
        span=16,
        transformations=[merged()],
        none=board.text("causes.none"),
    )
    board.bars(
        "lost",
        f'SELECT sum("duration_s") {what} AND "kind" =~ /^(outage|on_backup)$/ GROUP BY "provider"',
        label="provider",
        unit="dtdurations",
        limits=palette.PLAIN,
    )
