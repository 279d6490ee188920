"""One school: its state and since when, its lines, its speed beside the contract, its devices, its incidents."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.annotations import incidents_of
from schoolpulse.grafana.board import Board
from schoolpulse.grafana.variables import LASTING, STEP, TIERED, high, school, total
from schoolpulse.i18n import Language, translate

HERE = "\"school\" = '${school:raw}'"
SCOPES = ("lan_gateway", "isp_edge", "national", "international")


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    board = Board("school", language, variables=[school(translate("dash.word.school", language))])
    board.dashboard.annotation(incidents_of(board, f"{HERE} AND $timeFilter"))
    _now(board)
    _line(board)
    _bandwidth(board)
    _inside(board)
    return board


def _now(board: Board) -> None:
    now = f'FROM "school_now" WHERE time > now() - 5m AND {HERE}'
    states = palette.state_mappings(board.language)
    board.stat("state", f'SELECT last("code") AS "v" {now}', span=4, mappings=states)
    board.stat("since", f'SELECT last("since_ms") AS "v" {now}', span=4, unit="dateTimeFromNow", none="–")
    board.stat("heard", f'SELECT last("heard_ms") AS "v" {now}', span=4, unit="dateTimeFromNow")
    board.stat(
        "availability",
        f'SELECT sum({total("connected")}) / sum({total("measured")}) AS "v" FROM {TIERED}"status"'
        f" WHERE $timeFilter AND {HERE}",
        span=4,
        unit="percentunit",
        decimals=2,
        limits=palette.AVAILABILITY,
    )
    board.table(
        "record",
        [
            'SELECT last("provider") AS "provider", last("technology") AS "technology", last("backup") AS "backup",'
            ' last("contracted_down_mbps") AS "down", last("contracted_up_mbps") AS "up", last("ward") AS "ward"'
            f' FROM {LASTING}"school" WHERE time > now() - 2d AND {HERE}'
        ],
        {
            "provider": (board.word("provider"), "none"),
            "technology": (board.word("technology"), "none"),
            "backup": (board.word("backup"), "none"),
            "down": (board.word("contracted_down"), "Mbits"),
            "up": (board.word("contracted_up"), "Mbits"),
            "ward": (board.word("ward"), "none"),
        },
        span=8,
        height=4,
    )
    board.timeline(
        "states",
        f'SELECT max({high("code")}) FROM {TIERED}"status" WHERE $timeFilter AND {HERE} GROUP BY time({STEP}) fill(null)',
        board.word("state"),
        height=4,
        mappings=states,
    )


def _line(board: Board) -> None:
    reach = f'FROM {TIERED}"reachability" WHERE $timeFilter AND {HERE} AND "method" =~ /^(icmp|tcp)$/'
    names = {scope: translate(f"dash.scope.{scope}", board.language) for scope in SCOPES}
    grouped = f'GROUP BY time({STEP}), "scope" fill(null)'
    board.series(
        "latency",
        [(f'SELECT mean("rtt_ms") {reach} {grouped}', "$tag_scope")],
        unit="ms",
        limits=palette.RTT_MS,
        names=names,
    )
    board.series(
        "loss",
        [(f'SELECT mean("loss_ratio") {reach} {grouped}', "$tag_scope")],
        unit="percentunit",
        limits=palette.LOSS,
        names=names,
    )


def _bandwidth(board: Board) -> None:
    status = f'FROM {TIERED}"status" WHERE $timeFilter AND {HERE} GROUP BY time({STEP}) fill(null)'
    board.series(
        "bandwidth",
        [
            (f"SELECT max({high('rx_bps')}) {status}", board.word("received")),
            (f"SELECT max({high('tx_bps')}) {status}", board.word("sent")),
            (f'SELECT mean("contracted_down_mbps") * 1000000 {status}', board.word("contracted_down")),
        ],
        unit="bps",
    )
    speed = f'FROM {TIERED}"line_speed" WHERE $timeFilter AND {HERE} GROUP BY time({STEP}) fill(none)'
    board.series(
        "speed",
        [
            (f'SELECT mean("down_mbps") {speed}', board.word("download")),
            (f'SELECT mean("up_mbps") {speed}', board.word("upload")),
            (f'SELECT mean("contracted_down_mbps") {speed}', board.word("contracted_down")),
        ],
        unit="Mbits",
    )
    board.timeline(
        "uplinks",
        f'SELECT max({high("active")}) FROM {TIERED}"wan" WHERE $timeFilter AND {HERE}'
        f' GROUP BY time({STEP}), "uplink", "technology" fill(null)',
        "$tag_uplink $tag_technology",
        mappings=palette.in_use(board.language),
    )


def _inside(board: Board) -> None:
    board.table(
        "devices",
        [
            'SELECT last("up") AS "up", last("uptime_s") AS "uptime_s" FROM "device"'
            f' WHERE time > now() - 15m AND {HERE} GROUP BY "device", "kind"'
        ],
        {
            "device": (board.word("device"), "none"),
            "kind": (board.word("kind"), "none"),
            "up": (board.word("state"), "none"),
            "uptime_s": (board.word("uptime"), "dtdurations"),
        },
        height=10,
        sort=("up", False),
        mappings={"up": palette.yes_no(board.language)},
        none=board.text("devices.none"),
    )
    board.table(
        "incidents",
        [
            f'SELECT "title_{board.language}" AS "title", "start_ms", "duration_s" FROM {LASTING}"incident"'
            f" WHERE $timeFilter AND {HERE}"
        ],
        {
            "title": (board.word("incident"), "none"),
            "start_ms": (board.word("start"), "dateTimeAsLocal"),
            "duration_s": (board.word("lasts"), "dtdurations"),
        },
        height=10,
        sort=("start_ms", True),
        none=board.text("incidents.none"),
    )
    system = f'FROM {TIERED}"system" WHERE $timeFilter AND {HERE} GROUP BY time({STEP}) fill(null)'
    board.series(
        "gateway",
        [
            (f'SELECT mean("memory_used_ratio") {system}', board.word("memory")),
            (f'SELECT mean("disk_used_ratio") {system}', board.word("disk")),
        ],
        unit="percentunit",
        top=1,
    )
    board.series("temperature", [(f"SELECT max({high('temperature_c')}) {system}", "°C")], unit="celsius")
