"""Devices and smart classrooms: up, in use, failing; batteries, supplies and lamps to replace."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board, names_for_ids
from schoolpulse.grafana.boards.district import school_link
from schoolpulse.grafana.variables import LASTING, STEP, TIERED, choice, matches, total
from schoolpulse.i18n import Language, translate

NOW = "time > now() - 5m"
NAMES = f'SELECT last("name") AS "name" FROM {LASTING}"school" WHERE time > now() - 2d GROUP BY "school"'


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
    for key, figure, limits, none in (
        ("up", 'sum("u")', palette.PLAIN, None),
        ("seen", 'sum("d")', palette.PLAIN, None),
        ("down", 'sum("d") - sum("u")', palette.NONE_IS_GOOD, None),
        ("used", 'sum("n")', palette.PLAIN, "0"),
        ("telling", 'sum("t")', palette.PLAIN, "0"),
    ):
        board.stat(key, f'SELECT {figure} AS "v" FROM ({each})', span=4, limits=limits, none=none)
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

    # Machines in classrooms run an agent of their own; of all together there are hours.
    each = 'SELECT last("in_use") AS "n" FROM "classroom" WHERE time > now() - 15m GROUP BY "school", "agent"'
    board.stat("rooms", f'SELECT count("n") AS "v" FROM ({each})', span=4, none="0")
    board.stat("rooms_used", f'SELECT sum("n") AS "v" FROM ({each})', span=4, none="0")
    board.series(
        "rooms_over_time",
        [
            (
                f'SELECT mean("in_use") FROM {LASTING}"classroom_use" WHERE $timeFilter'
                " GROUP BY time(1h) fill(none)",
                board.word("in_use"),
            )
        ],
        span=16,
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
    # From incidents: what a school's switch took with it is that one's failure, and a year of them is short.
    board.table(
        "failing",
        [
            f'SELECT count("id") AS "times", sum("duration_s") AS "down_s" FROM {LASTING}"incident"'
            f" WHERE $timeFilter AND \"kind\" = 'device_down' AND {matches('device_kind', 'kind')}"
            ' GROUP BY "school", "device"',
            NAMES,
        ],
        {
            "school": columns["name"],
            "device": columns["device"],
            "times": (board.text("failing.times"), "short"),
            "down_s": (board.text("failing.down_s"), "dtdurations"),
        },
        height=10,
        sort=("down_s", True),
        transformations=[names_for_ids()],
        none=board.text("failing.none"),
    )


def _to_replace(board: Board) -> None:
    columns = {"school": (board.word("school"), "none"), "device": (board.word("device"), "none")}
    # What changes in weeks is read from hours, so that a thousand lamps are read at once.
    batteries = (("charge_ratio", "percentunit", palette.CHARGE), ("remaining_s", "dtdurations"))
    for key, source, fields in (
        ("batteries", '"ups" WHERE time > now() - 1d', batteries),
        (
            "supplies",
            f'{LASTING}"printer" WHERE time > now() - 2d',
            (("supply_ratio", "percentunit", palette.SUPPLY),),
        ),
        ("lamps", f'{LASTING}"projector" WHERE time > now() - 2d', (("lamp_h", "h", palette.LAMP_H),)),
    ):
        asked = ", ".join(f'last("{field}") AS "{field}"' for field, *_ in fields)
        board.table(
            key,
            [
                f'SELECT {asked} FROM {source} GROUP BY "school", "device"',
                NAMES,
            ],
            columns | {field: (board.text(f"{key}.{field}"), *rest) for field, *rest in fields},
            span=8,
            sort=(fields[0][0], key == "lamps"),
            transformations=[names_for_ids()],
            none=board.text(f"{key}.none"),
        )
