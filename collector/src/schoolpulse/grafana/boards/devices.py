"""Devices and smart classrooms: up, in use, failing; batteries and lamps to replace."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board, names_for_ids
from schoolpulse.grafana.variables import LASTING, STEP, TIERED, choice, matches
from schoolpulse.i18n import Language, translate

RECENT = "time > now() - 15m"
NAMES = f'SELECT last("name") AS "name" FROM {LASTING}"school" WHERE time > now() - 2d GROUP BY "school"'


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    kind = choice(
        "kind", translate("dash.word.kind", language), 'SHOW TAG VALUES FROM "device" WITH KEY = "kind"'
    )
    board = Board("devices", language, variables=[kind])
    _up(board)
    _failing(board)
    _to_replace(board)
    return board


def _up(board: Board) -> None:
    each = f'SELECT last("up") AS "u" FROM "device" WHERE {RECENT} AND {matches("kind")} GROUP BY "school", "device", "kind"'
    board.stat("up", f'SELECT sum("u") AS "v" FROM ({each})', span=4)
    board.stat("seen", f'SELECT count("u") AS "v" FROM ({each})', span=4)
    board.stat(
        "down", f'SELECT count("u") - sum("u") AS "v" FROM ({each})', span=4, limits=palette.NONE_IS_GOOD
    )
    board.table(
        "kinds",
        [
            f'SELECT count("u") AS "seen", sum("u") AS "up", mean("u") AS "share" FROM ({each}) GROUP BY "kind"'
        ],
        {
            "kind": (board.word("kind"), "none"),
            "seen": (board.word("seen"), "short"),
            "up": (board.word("up"), "short"),
            "share": (board.word("share_up"), "percentunit", palette.CONNECTED),
        },
        span=12,
        height=8,
        sort=("share", False),
    )
    board.series(
        "over_time",
        [
            (
                f'SELECT mean("up") FROM {TIERED}"device" WHERE $timeFilter AND {matches("kind")}'
                f' GROUP BY time({STEP}), "kind" fill(null)',
                "$tag_kind",
            )
        ],
        unit="percentunit",
        top=1,
    )


def _failing(board: Board) -> None:
    each = f'SELECT last("up") AS "u" FROM "device" WHERE {RECENT} AND {matches("kind")} GROUP BY "school", "device", "kind"'
    columns = {
        "school": (board.word("school"), "none"),
        "device": (board.word("device"), "none"),
        "kind": (board.word("kind"), "none"),
    }
    board.table(
        "down_now",
        [f'SELECT "u" FROM ({each}) WHERE "u" = 0 GROUP BY "school", "device", "kind"', NAMES],
        {**columns, "u": (board.word("state"), "none")},
        height=10,
        mappings={"u": palette.yes_no(board.language)},
        transformations=[names_for_ids()],
        none=board.text("down_now.none"),
    )
    share = f'SELECT mean("up") AS "share" FROM {TIERED}"device" WHERE $timeFilter AND {matches("kind")}'
    board.table(
        "failing",
        [
            f'SELECT "share" FROM ({share} GROUP BY "school", "device", "kind") WHERE "share" < 0.95'
            ' GROUP BY "school", "device", "kind"',
            NAMES,
        ],
        {**columns, "share": (board.word("share_up"), "percentunit", palette.CONNECTED)},
        height=10,
        sort=("share", False),
        transformations=[names_for_ids()],
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
        ("lamps", "projector", (("lamp_hours", "h"),)),
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
