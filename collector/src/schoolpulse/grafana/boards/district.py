"""The district: the plan's headline figure, where it fails now, and how it went over the school year."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board, uid
from schoolpulse.grafana.boards.map import state_map
from schoolpulse.grafana.variables import LASTING, STEP, TIERED, WINDOWS, matches, of_registry, total
from schoolpulse.i18n import Language, translate

NOW = "time > now() - 5m"
ZONE = "tz('Asia/Ho_Chi_Minh')"


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    ward = of_registry("ward", translate("dash.word.ward", language))
    board = Board("district", language, variables=[ward])
    _figures(board)
    _states(board)
    _worst(board)
    _trend(board)
    return board


def _figures(board: Board) -> None:
    each = f'SELECT last("connected") AS "c", last("measured") AS "m" FROM "status" WHERE {NOW} AND {matches("ward")}'
    each += ' GROUP BY "school"'
    board.stat(
        "kpi_now",
        f'SELECT sum("c") / count("c") AS "v" FROM ({each})',
        unit="percentunit",
        decimals=1,
        limits=palette.CONNECTED,
        span=5,
    )
    board.stat(
        "kpi_hours",
        f'SELECT sum({total("open_connected")}) / sum({total("open_measured")}) AS "v" FROM {TIERED}"ward_status"'
        f" WHERE $timeFilter AND {matches('ward')}",
        unit="percentunit",
        decimals=3,
        none=board.text("kpi_hours.none"),
        limits=palette.AVAILABILITY,
        span=5,
    )
    board.stat("connected", f'SELECT sum("c") AS "v" FROM ({each})', span=3)
    board.stat("schools", f'SELECT count("c") AS "v" FROM ({each})', span=3)
    board.stat(
        "unmeasured",
        f'SELECT count("m") - sum("m") AS "v" FROM ({each})',
        span=4,
        limits=palette.NONE_IS_GOOD,
    )
    board.stat(
        "open",
        f'SELECT count("id") AS "v" FROM {LASTING}"incident" WHERE "open" = 1 AND time > now() - 400d',
        span=4,
        limits=palette.NONE_IS_GOOD,
        none="0",
    )


def _states(board: Board) -> None:
    state_map(board, "map", f'SELECT last("code") AS "code", last("lat") AS "lat", last("lon") AS "lon" FROM "school_now" WHERE {NOW}'
        f' AND {matches("ward")} GROUP BY "school", "name", "provider", "ward"')  # fmt: skip
    board.table(
        "open_incidents",
        [
            f'SELECT "name", "title_{board.language}" AS "title", "start_ms", "duration_s", "pages" FROM {LASTING}"incident"'
            ' WHERE "open" = 1 AND time > now() - 400d'
        ],
        {
            "name": (board.word("school"), "none"),
            "title": (board.word("incident"), "none"),
            "start_ms": (board.word("since"), "dateTimeAsLocal"),
            "duration_s": (board.word("lasts"), "dtdurations"),
            "pages": (board.word("pages"), "short"),
        },
        span=14,
        height=10,
        sort=("start_ms", True),
        link={
            "title": board.word("open_incidents"),
            "url": f"/d/{uid('incidents', board.language)}?${{__url_time_range}}",
        },
        none=board.text("open_incidents.none"),
    )
    board.wall(
        "wall",
        f'SELECT last("code") FROM "school_now" WHERE {NOW} AND {matches("ward")} GROUP BY "school", "name"',
        height=12,
        link=school_link(board, "${__field.labels.school}"),
    )


def _worst(board: Board) -> None:
    # From windows of 5 minutes: a day of every school as it came would take long to read.
    inner = (
        'SELECT sum("connected_sum") / sum("measured_sum") AS "availability", max("rtt_ms_max") AS "rtt_ms", mean("loss_ratio") AS "loss_ratio"'
        f' FROM {WINDOWS}"status" WHERE time > now() - 24h AND {matches("ward")} GROUP BY "school", "name", "provider"'
    )
    board.table(
        "worst",
        [
            f'SELECT "availability", "rtt_ms", "loss_ratio" FROM ({inner})'
            ' WHERE "availability" < 1 OR "loss_ratio" > 0.01 GROUP BY "school", "name", "provider"'
        ],
        {
            "name": (board.word("school"), "none"),
            "provider": (board.word("provider"), "none"),
            "availability": (board.word("availability"), "percentunit", palette.AVAILABILITY),
            "rtt_ms": (board.word("rtt_max"), "ms", palette.RTT_MS),
            "loss_ratio": (board.word("loss"), "percentunit", palette.LOSS),
            "school": ("school", "hidden"),
        },
        sort=("availability", False),
        link=school_link(board, "${__data.fields.school}"),
        none=board.text("worst.none"),
    )
    board.series(
        "availability",
        [
            (
                f'SELECT sum({total("connected")}) / sum({total("measured")}) FROM {TIERED}"ward_status"'
                f" WHERE $timeFilter AND {matches('ward')} GROUP BY time({STEP}) fill(null)",
                board.word("connected"),
            ),
            (
                f'SELECT sum({total("broadband")}) / sum({total("measured")}) FROM {TIERED}"ward_status"'
                f" WHERE $timeFilter AND {matches('ward')} GROUP BY time({STEP}) fill(null)",
                board.word("broadband"),
            ),
        ],
        unit="percentunit",
        top=1,
    )


def _trend(board: Board) -> None:
    board.series(
        "year",
        [
            (
                f'SELECT sum("connected_sum") / sum("measured_sum") FROM {LASTING}"ward_status"'
                f" WHERE $timeFilter AND {matches('ward')} GROUP BY time(1d) fill(null) {ZONE}",
                board.word("connected"),
            ),
            (
                f'SELECT sum("broadband_sum") / sum("measured_sum") FROM {LASTING}"ward_status"'
                f" WHERE $timeFilter AND {matches('ward')} GROUP BY time(1d) fill(null) {ZONE}",
                board.word("broadband"),
            ),
        ],
        span=24,
        unit="percentunit",
        top=1,
        time_from="365d",
    )


def school_link(board: Board, school: str) -> dict[str, str]:
    """Leads to the dashboard of a school."""
    url = f"/d/{uid('school', board.language)}?var-school={school}&${{__url_time_range}}"
    return {"title": board.word("open_school"), "url": url}
