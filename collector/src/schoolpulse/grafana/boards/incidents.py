"""Incidents: when, what, how long until it was known and repaired, and how many pages were sent."""

from __future__ import annotations

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board
from schoolpulse.grafana.variables import LASTING, choice, matches
from schoolpulse.i18n import Language, translate
from schoolpulse.incidents.model import Cause, IncidentKind

ZONE = "tz('Asia/Ho_Chi_Minh')"


def make(language: Language) -> Board:
    """The dashboard in `language`."""
    kind = choice(
        "kind",
        translate("dash.word.kind", language),
        'SHOW TAG VALUES ON "${db:raw}_1h" FROM "incident" WITH KEY = "kind"',
    )
    board = Board("incidents", language, start="now-30d", variables=[kind])
    what = f'FROM {LASTING}"incident" WHERE $timeFilter AND {matches("kind")}'
    _figures(board, what)
    _over_time(board, what)
    _list(board, what)
    return board


def _figures(board: Board, what: str) -> None:
    board.stat("count", f'SELECT count("id") AS "v" {what}', none="0")
    board.stat(
        "open", f'SELECT count("id") AS "v" {what} AND "open" = 1', limits=palette.NONE_IS_GOOD, none="0"
    )
    # Devices are tickets; what counts is how soon a school's loss is known.
    lost = f'{what} AND "kind" =~ /^(outage|on_backup)$/'
    board.stat("detect", f'SELECT median("detect_s") AS "v" {lost}', unit="s", decimals=0)
    board.stat("detect_p95", f'SELECT percentile("detect_s", 95) AS "v" {lost}', unit="s", decimals=0)
    board.stat("repair", f'SELECT median("duration_s") AS "v" {lost} AND "open" = 0', unit="s", decimals=0)
    board.stat("pages", f'SELECT sum("pages") AS "v" {what}', none="0")


def _over_time(board: Board, what: str) -> None:
    names = {kind.value: translate(f"kind.{kind.value}", board.language) for kind in IncidentKind}
    board.series(
        "per_day",
        [(f'SELECT count("id") {what} GROUP BY time(1d), "kind" fill(none) {ZONE}', "$tag_kind")],
        names=names,
        bars=True,
    )
    board.series(
        "repair_over_time",
        [
            (
                f'SELECT median("duration_s") {what} AND "open" = 0 GROUP BY time(1d), "provider" fill(none) {ZONE}',
                "$tag_provider",
            )
        ],
        unit="s",
    )


def _list(board: Board, what: str) -> None:
    board.table(
        "list",
        [
            f'SELECT "name", "ward", "title_{board.language}" AS "title", "start_ms", "duration_s", "detect_s", "pages", "open" {what}'
        ],
        {
            "name": (board.word("school"), "none"),
            "ward": (board.word("ward"), "none"),
            "title": (board.word("incident"), "none"),
            "start_ms": (board.word("start"), "dateTimeAsLocal"),
            "duration_s": (board.word("lasts"), "dtdurations"),
            "detect_s": (board.word("detected_after"), "s"),
            "pages": (board.word("pages"), "short"),
            "open": (board.word("open"), "bool_yes_no"),
        },
        span=16,
        height=12,
        sort=("start_ms", True),
        none=board.text("list.none"),
    )
    causes = {cause: translate(f"cause.{cause.value}", board.language) for cause in Cause}
    board.series(
        "causes",
        [
            (
                f'SELECT count("id") {what} AND "cause" = \'{cause.value}\' GROUP BY time(1d) fill(none) {ZONE}',
                words,
            )
            for cause, words in causes.items()
        ],
        span=8,
        height=12,
        bars=True,
    )
