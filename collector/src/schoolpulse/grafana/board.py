"""A dashboard in one language, put together from panels that all look and behave alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    TableSortByFieldState,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMapping,
)

from schoolpulse.grafana import palette
from schoolpulse.grafana.query import Query, datasource
from schoolpulse.grafana.variables import Variable, database, hidden
from schoolpulse.i18n import Language, translate

TAG = "schoolpulse"
GAP_MS = 5 * 60_000
"""Points closer than this are joined by a line; a longer gap is shown as one."""
REFS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PanelT = TypeVar("PanelT", bound=Any)
Column = tuple[str, str] | tuple[str, str, palette.Limits]
"""A column's heading and unit, and the limits that colour it."""


def uid(board: str, language: Language) -> str:
    """The dashboard's uid, which links and publishing go by."""
    return f"schoolpulse-{board}-{language}"


class Board:
    """Adds panels from left to right and from the top down.

    Args:
        name: the board's, which its texts begin with.
        language: of every word on it.
        start: where its range begins.
        variables: what a person can choose.
    """

    def __init__(
        self, name: str, language: Language, *, start: str = "now-24h", variables: Sequence[Variable] = ()
    ) -> None:
        self.name = name
        self.language = language
        self.dashboard = (
            Dashboard(self.text("title"))
            .uid(uid(name, language))
            .description(self.text("about"))
            .tags([TAG, language])
            .timezone("Asia/Ho_Chi_Minh")
            .refresh("1m")
            .time(start, "now")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .editable()
            .link(
                DashboardLink(translate("dash.word.more", language))
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG, language])
                .as_dropdown(True)
                .keep_time(True)
                .include_vars(False)
                .icon("external link")
            )
        )
        for variable in (database(), *hidden(), *variables):
            self.dashboard.with_variable(variable)

    def text(self, key: str) -> str:
        """A text of this board."""
        return translate(f"dash.{self.name}.{key}", self.language)

    def word(self, key: str) -> str:
        """A word that several boards use."""
        return translate(f"dash.word.{key}", self.language)

    def row(self, key: str) -> None:
        """A heading over the panels that follow."""
        self.dashboard.with_row(Row(self.text(key)))

    def stat(
        self,
        key: str,
        query: str,
        *,
        span: int = 4,
        height: int = 4,
        unit: str = "short",
        decimals: int | None = None,
        limits: palette.Limits = palette.PLAIN,
        mappings: list[ValueMapping] | None = None,
        none: str | None = None,
        words: bool = False,
    ) -> None:
        """One figure. `none` is what stands where no point answers; `words` shows a text field."""
        reduce = ReduceDataOptions().calcs(["lastNotNull"]).values(False)
        panel = self._panel(stat.Panel(), key, span, height, [query], "table", limits)
        panel.reduce_options(reduce.fields("/.*/") if words else reduce.fields("")).unit(unit)
        panel.graph_mode(BigValueGraphMode.NONE).color_mode(BigValueColorMode.VALUE)
        panel.text_mode(BigValueTextMode.VALUE)
        if decimals is not None:
            panel.decimals(decimals)
        if mappings:
            panel.mappings(mappings)
        self._add(panel, none or self.word("no_data"))

    def wall(self, key: str, query: str, *, height: int, link: Mapping[str, str]) -> None:
        """A field of states, each with its name and its word, in its colour."""
        panel = self._panel(stat.Panel(), key, 24, height, [query], "time_series", palette.PLAIN)
        panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        panel.graph_mode(BigValueGraphMode.NONE).color_mode(BigValueColorMode.BACKGROUND)
        panel.text_mode(BigValueTextMode.VALUE_AND_NAME).mappings(palette.state_mappings(self.language))
        panel.display_name("${__field.labels.name}").data_links([_link(**link)])
        self._add(panel, self.word("no_data"))

    def series(
        self,
        key: str,
        queries: Sequence[tuple[str, str]],
        *,
        span: int = 12,
        height: int = 8,
        unit: str = "short",
        limits: palette.Limits = palette.PLAIN,
        top: float | None = None,
        names: Mapping[str, str] | None = None,
        time_from: str | None = None,
        bars: bool = False,
    ) -> None:
        """Lines over time. `queries` are (statement, name of its series)."""
        panel = self._panel(timeseries.Panel(), key, span, height, [], "time_series", limits)
        for ref, (query, alias) in zip(REFS, queries, strict=False):
            panel.with_target(Query(ref, query, "time_series", alias))
        panel.unit(unit).min(0).line_width(1.5).fill_opacity(40 if bars else 8).span_nulls(GAP_MS)
        panel.show_points(VisibilityMode.AUTO).legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        panel.tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        if top is not None:
            panel.max(top)
        if time_from is not None:
            panel.time_from(time_from)
        if bars:
            panel.draw_style(GraphDrawStyle.BARS)
        for raw, shown in (names or {}).items():
            panel.override_by_name(raw, [DynamicConfigValue(id_val="displayName", value=shown)])
        self._add(panel, self.word("no_data"))

    def bars(
        self,
        key: str,
        query: str,
        *,
        label: str,
        span: int = 8,
        height: int = 8,
        unit: str,
        limits: palette.Limits,
    ) -> None:
        """One bar for each value of the tag `label`."""
        panel = self._panel(bargauge.Panel(), key, span, height, [query], "time_series", limits)
        panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        panel.orientation(VizOrientation.HORIZONTAL).unit(unit).min(0)
        panel.display_name(f"${{__field.labels.{label}}}")
        self._add(panel, self.word("no_data"))

    def timeline(
        self,
        key: str,
        query: str,
        alias: str,
        *,
        span: int = 24,
        height: int = 5,
        mappings: list[ValueMapping],
    ) -> None:
        """States over time, one band a series."""
        panel = self._panel(statetimeline.Panel(), key, span, height, [], "time_series", palette.PLAIN)
        panel.with_target(Query("A", query, "time_series", alias)).mappings(mappings)
        panel.merge_values(True).show_value(VisibilityMode.AUTO).row_height(0.8)
        self._add(panel, self.word("no_data"))

    def table(
        self,
        key: str,
        queries: Sequence[str],
        columns: Mapping[str, Column],
        *,
        span: int = 12,
        height: int = 8,
        sort: tuple[str, bool] | None = None,
        mappings: Mapping[str, list[ValueMapping]] | None = None,
        link: Mapping[str, str] | None = None,
        transformations: Sequence[DataTransformerConfig] = (),
        none: str | None = None,
    ) -> None:
        """Rows with the `columns` by field, in that order; every other field is left out.

        `sort` is a column and whether the greatest comes first; `link` leads on from the first column.
        """
        panel = self._panel(table.Panel(), key, span, height, queries, "table", palette.PLAIN)
        panel.show_header(True)
        for transformation in transformations:
            panel.with_transformation(transformation)
        panel.with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": "Time" not in columns},
                    "indexByName": {name: at for at, name in enumerate(columns)},
                    "renameByName": {},
                },
            )
        )
        for position, (field, column) in enumerate(columns.items()):
            panel.override_by_name(field, self._column(column, (mappings or {}).get(field)))
            if link and position == 0:
                panel.override_by_name(
                    field, [DynamicConfigValue(id_val="links", value=[_link_json(**link)])]
                )
        if sort is not None:
            title, descending = columns[sort[0]][0], sort[1]
            panel.sort_by([TableSortByFieldState().display_name(title).desc(descending)])
        self._add(panel, none or self.word("no_data"))

    def _column(self, column: Column, mappings: list[ValueMapping] | None) -> list[DynamicConfigValue]:
        properties = [
            DynamicConfigValue(id_val="displayName", value=column[0]),
            DynamicConfigValue(id_val="unit", value=column[1]),
        ]
        if column[1] == "hidden":
            return [DynamicConfigValue(id_val="custom.hidden", value=True)]
        if len(column) == 3:
            steps = [{"value": value, "color": colour} for value, colour in column[2]]
            properties.append(
                DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps})
            )
        if len(column) == 3 or mappings:
            properties.append(DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
        if mappings:
            properties.append(DynamicConfigValue(id_val="mappings", value=mappings))
        return properties

    def _panel(
        self,
        panel: PanelT,
        key: str,
        span: int,
        height: int,
        queries: Sequence[str],
        result_format: Any,
        limits: palette.Limits,
    ) -> PanelT:
        panel.title(self.text(f"{key}.title")).description(self.text(f"{key}.help")).datasource(datasource())
        panel.span(span).height(height)
        panel.thresholds(palette.thresholds(limits))
        if limits is not palette.PLAIN or not isinstance(panel, timeseries.Panel):
            panel.color_scheme(palette.by_threshold())
        for ref, query in zip(REFS, queries, strict=False):
            panel.with_target(Query(ref, query, result_format))
        return panel

    def _add(self, panel: Any, none: str) -> None:
        self.dashboard.with_panel(panel.no_value(none))


def merged() -> DataTransformerConfig:
    """Rows of several queries that share their tags become one."""
    return DataTransformerConfig(id_val="merge", options={})


def names_for_ids() -> DataTransformerConfig:
    """Schools by name: the second query says which id is called what."""
    return DataTransformerConfig(
        id_val="configFromData",
        options={
            "configRefId": "B",
            "applyTo": {"id": "byName", "options": "school"},
            "mappings": [
                {"fieldName": "school", "handlerKey": "mappings.value"},
                {"fieldName": "name", "handlerKey": "mappings.text"},
            ],
        },
    )


def _link(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).url(url).target_blank(False)


def _link_json(title: str, url: str) -> dict[str, object]:
    return {"title": title, "url": url, "targetBlank": False}
