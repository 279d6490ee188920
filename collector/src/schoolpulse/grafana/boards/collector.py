"""The collector itself: does everything that schools send arrive, and how soon; is anything lost."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board, merged
from schoolpulse.grafana.variables import STEP, TIERED, high, p95, total
from schoolpulse.i18n import Language


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    board = Board("collector", language)
    _now(board)
    _flow(board)
    _trouble(board)
    _agents(board)
    return board


def _now(board: Board) -> None:
    now = 'FROM "collector" WHERE time > now() - 5m'
    board.stat(
        "broker", f'SELECT last("broker_connected") AS "v" {now}', mappings=palette.yes_no(board.language)
    )
    board.stat(
        "behind", f'SELECT max("behind") AS "v" {now}', limits=((None, palette.GOOD), (10_000, palette.POOR))
    )
    board.stat("journal", f'SELECT last("journal_bytes") AS "v" {now}', unit="bytes")
    board.stat(
        "blocked",
        f'SELECT last("journal_blocked") AS "v" {now}',
        limits=palette.ANY_IS_BAD,
        mappings=palette.no_yes(board.language),
    )
    board.stat(
        "lost",
        f'SELECT sum({total("discarded_new")}) AS "v" FROM {TIERED}"collector" WHERE $timeFilter',
        limits=palette.ANY_IS_BAD,
    )
    board.stat("pending", f'SELECT last("webhooks_pending") AS "v" {now}', limits=palette.NONE_IS_GOOD)


def _flow(board: Board) -> None:
    def rate(field: str, label: str) -> tuple[str, str]:
        return (
            f'SELECT non_negative_derivative(max({high(field)}), 1s) FROM {TIERED}"collector"'
            f" WHERE $timeFilter AND \"of\" = '-' GROUP BY time({STEP}) fill(none)",
            label,
        )

    new = f'FROM {TIERED}"collector" WHERE $timeFilter GROUP BY time({STEP}) fill(none)'
    board.series(
        "rates",
        [rate("points_written", board.word("points")), rate("journalled_messages", board.word("messages"))],
        unit="cps",
    )
    board.series(
        "delay",
        [
            (
                f'SELECT percentile({p95("delay_ms")}, 95) FROM {TIERED}"delivery" WHERE $timeFilter GROUP BY time({STEP}) fill(none)',
                "p95",
            ),
            (
                f'SELECT mean("delay_ms") FROM {TIERED}"delivery" WHERE $timeFilter GROUP BY time({STEP}) fill(none)',
                board.word("mean"),
            ),
        ],
        unit="ms",
    )
    board.series(
        "lag",
        [
            (
                f'SELECT max({high("behind")}) FROM {TIERED}"collector" WHERE $timeFilter GROUP BY time({STEP}), "of" fill(null)',
                "$tag_of",
            )
        ],
    )
    board.series(
        "store",
        [
            (f"SELECT sum({total('refused_new')}) {new}", board.text("store.refused")),
            (f"SELECT sum({total('quarantined_new')}) {new}", board.text("store.quarantined")),
        ],
        bars=True,
    )
    board.series(
        "journal_over_time",
        [
            (
                f'SELECT max({high("journal_bytes")}) FROM {TIERED}"collector" WHERE $timeFilter GROUP BY time({STEP}) fill(null)',
                board.word("journal"),
            )
        ],
        unit="bytes",
    )


def _trouble(board: Board) -> None:
    for name, column, new, since_start in (
        ("quarantine", "reason", "quarantined_new", "quarantined_messages"),
        ("webhooks", "outcome", "attempted_new", "webhook_attempts"),
    ):
        board.table(
            name,
            [
                f'SELECT sum({total(new)}) AS "new" FROM {TIERED}"collector" WHERE $timeFilter GROUP BY "of"',
                f'SELECT last("{since_start}") AS "all" FROM "collector" WHERE time > now() - 5m GROUP BY "of"',
            ],
            {
                "of": (board.word(column), "none"),
                "new": (board.word("in_range"), "short"),
                "all": (board.word("since_start"), "short"),
            },
            span=8,
            transformations=[merged()],
            none=board.text(f"{name}.none"),
        )


def _agents(board: Board) -> None:
    board.table(
        "versions",
        ['SELECT last("schools") AS "schools" FROM "agents" WHERE time > now() - 5m GROUP BY "version"'],
        {"version": (board.word("version"), "none"), "schools": (board.word("schools"), "short")},
        span=8,
        sort=("schools", True),
        none=board.text("versions.none"),
    )
