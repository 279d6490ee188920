"""Incidents drawn into charts: from when they were confirmed to their end."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, AnnotationTarget

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board
from schoolpulse.grafana.query import datasource
from schoolpulse.grafana.variables import LASTING


class InfluxAnnotation(AnnotationQuery):
    """The SDK's annotation with the keys of the InfluxDB data source, which read them from beside `target`."""

    def __init__(self, name: str, query: str, text_column: str, end_column: str) -> None:
        super().__init__(name=name, datasource=datasource(), enable=True, icon_color=palette.BAD)
        self.query, self.text_column, self.end_column = query, text_column, end_column

    def to_json(self) -> dict[str, object]:
        """As Grafana keeps it: both where 9.4 and where later versions look."""
        ours: dict[str, object] = {
            "query": self.query,
            "textColumn": self.text_column,
            "timeEndColumn": self.end_column,
        }
        target = AnnotationTarget(limit=100, match_any=False, tags=[], type_val="dashboard").to_json()
        also = {"fromAnnotations": True, "rawQuery": True, "refId": "Anno", **ours}
        return super().to_json() | ours | {"target": target | also}


class _Made(Builder[AnnotationQuery]):
    def __init__(self, made: AnnotationQuery) -> None:
        self._made = made

    def build(self) -> AnnotationQuery:
        return self._made


def incidents_of(board: Board, condition: str) -> Builder[AnnotationQuery]:
    """The incidents that meet `condition`."""
    query = f'SELECT "title_{board.language}" AS "text", "end_ms" FROM {LASTING}"incident" WHERE {condition}'
    return _Made(InfluxAnnotation(board.word("incidents"), query, "text", "end_ms"))
