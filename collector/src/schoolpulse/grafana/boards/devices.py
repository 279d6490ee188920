"""Devices and smart classrooms: up, in use, failing; batteries, supplies and lamps to replace."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board, names_for_ids
from schoolpulse.grafana.boards.district import school_link
from schoolpulse.grafana.variables import LASTING, STEP, TIERED, choice, matches, total
from schoolpulse.i18n import Language, translate

NOW = "time > now() - 5m"
NAMES = f'SELECT last("name") AS "name" FROM {LASTING}"school" WHERE time > now() - 2d GROUP BY "school"'
FAILING_SHARE = 20
"""A device that was down for more than one part in so many of the range is failing."""


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    kind = choice(
        "kind", translate("dash.word.kind", language), 'SHOW TAG VALUES FROM "device_kind" WITH KEY = "kind"'
    )
    board = Board("devices", language, variables=[kind])
    _now(board)
    _over_time(board)
    _failing(board)
    _to_replace(board)
    return board


def _now(board: Board) -> None:
    asked = ", ".join(
        f'last("{field}") AS "{short}"'
        for field, short in (("devices", "d"), ("up", "u"), ("telling", "t"), ("used", "n"))
    )
    each = f'SELECT {asked} FROM "device_kind" WHERE {NOW} AND {matches("kind")} GROUP BY "kind"'
    for key, figure, limits in (
        ("up", 'sum("u")', palette.PLAIN),
        ("seen", 'sum("d")', palette.PLAIN),
        ("down", 'sum("d") - sum("u")', palette.NONE_IS_GOOD),
        ("used", 'sum("n")', palette.PLAIN),
        ("telling", 'sum("t")', palette.PLAIN),
    ):
        board.stat(key, f'SELECT {figure} AS "v" FROM ({each})', span=4, limits=limits)
    board.stat(
        "used_share",
        f'SELECT sum("n") / sum("t") AS "v" FROM ({each})',
        span=4,
        unit="percentunit",
        decimals=0,
        none=board.text("used_share.none"),
    )
    board.table(
        "kinds",
        [
            'SELECT sum("d") AS "seen", sum("u") AS "up", sum("u") / sum("d") AS "share", sum("n") AS "used"'
            f' FROM ({each}) GROUP BY "kind"'
        ],
        {
            "kind": (board.word("kind"), "none"),
            "seen": (board.word("seen"), "short"),
            "up": (board.word("up"), "short"),
            "share": (board.word("share_up"), "percentunit", palette.CONNECTED),
            "used": (board.word("in_use"), "short"),
        },
        span=8,
        height=8,
        sort=("share", False),
    )


def _over_time(board: Board) -> None:
    kinds = (
        f'FROM {TIERED}"device_kind" WHERE $timeFilter AND {matches("kind")}'
        f' GROUP BY time({STEP}), "kind" fill(null)'
    )
    for key, part, whole in (("over_time", "up", "devices"), ("used_over_time", "used", "telling")):
        board.series(
            key,
            [(f"SELECT sum({total(part)}) / sum({total(whole)}) {kinds}", "$tag_kind")],
            span=8,
            unit="percentunit",
            top=1,
        )


def _failing(board: Board) -> None:
    columns = {
        "name": (board.word("school"), "none"),
        "device": (board.word("device"), "none"),
        "kind": (board.word("kind"), "none"),
    }
    by = 'GROUP BY "school", "name", "device", "kind"'
    link = school_link(board, "${__data.fields.school}")
    board.table(
        "down_now",
        [f'SELECT last("down") AS "n" FROM "device_down" WHERE time > now() - 3m AND {matches("kind")} {by}'],
        {**columns, "n": ("n", "hidden"), "school": ("school", "hidden")},
        height=10,
        link=link,
        none=board.text("down_now.none"),
    )
    # A point a minute: the sum is minutes.
    each = (
        f'SELECT sum({total("down")}) AS "minutes" FROM {TIERED}"device_down"'
        f" WHERE $timeFilter AND {matches('kind')} {by}"
    )
    board.table(
        "failing",
        [
            f'SELECT "minutes" FROM ({each})'
            f' WHERE "minutes" * {FAILING_SHARE * 60_000} > ${{__to}} - ${{__from}} {by}'
        ],
        {**columns, "minutes": (board.text("failing.minutes"), "m"), "school": ("school", "hidden")},
        height=10,
        sort=("minutes", True),
        link=link,
        none=board.text("failing.none"),
    )


def _to_replace(board: Board) -> None:
    columns = {"school": (board.word("school"), "none"), "device": (board.word("device"), "none")}
    for key, measurement, fields in (
        (
            "batteries",
            "ups",
            (("charge_ratio", "percentunit", palette.CHARGE), ("remaining_s", "dtdurations")),
        ),
        ("supplies", "printer", (("supply_ratio", "percentunit", palette.SUPPLY),)),
        ("lamps", "projector", (("lamp_h", "h", palette.LAMP_H),)),
    ):
        asked = ", ".join(f'last("{field}") AS "{field}"' for field, *_ in fields)
        board.table(
            key,
            [
                f'SELECT {asked} FROM "{measurement}" WHERE time > now() - 1d GROUP BY "school", "device"',
                NAMES,
            ],
            columns | {field: (board.text(f"{key}.{field}"), *rest) for field, *rest in fields},
            span=8,
            sort=(fields[0][0], key == "lamps"),
            transformations=[names_for_ids()],
            none=board.text(f"{key}.none"),
        )
