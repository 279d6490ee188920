"""The map of schools in the colours of their states."""

from __future__ import annotations

from grafana_foundation_sdk.builders import geomap
from grafana_foundation_sdk.builders.common import FrameGeometrySource, MapLayerOptions
from grafana_foundation_sdk.models.common import FrameGeometrySourceMode
from grafana_foundation_sdk.models.geomap import TooltipMode

from schoolpulse.grafana import palette
from schoolpulse.grafana.board import Board
from schoolpulse.grafana.query import Query, datasource


def state_map(board: Board, key: str, query: str) -> None:
    """A marker for each row of `query`, which has `lat`, `lon` and `code`.

    The base layer is Grafana's own default, so that a closed network can set one of its own.
    """
    layer = (
        MapLayerOptions()
        .type("markers")
        .name(board.word("schools"))
        .location(FrameGeometrySource().mode(FrameGeometrySourceMode.COORDS).latitude("lat").longitude("lon"))
        .config(
            {
                "showLegend": True,
                "style": {
                    "color": {"field": "code", "fixed": palette.GREY},
                    "size": {"fixed": 7, "min": 4, "max": 12},
                    "opacity": 0.9,
                    "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                    "text": {"field": "name", "fixed": "", "mode": "field"},
                    "textConfig": {
                        "fontSize": 10,
                        "offsetY": 14,
                        "textAlign": "center",
                        "textBaseline": "middle",
                    },
                },
            }
        )
        .tooltip(True)
    )
    panel = (
        geomap.Panel()
        .title(board.text(f"{key}.title"))
        .description(board.text(f"{key}.help"))
        .datasource(datasource())
        .span(10)
        .height(10)
        .view(geomap.MapViewConfig().id("fit").all_layers(True).lat(0).lon(0).zoom(15))
        .controls(geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(True).show_attribution(True))
        .basemap(MapLayerOptions().type("default").name("Layer 0"))
        .layers([layer])
        .tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
        .mappings(palette.state_mappings(board.language))
        .thresholds(palette.thresholds(palette.PLAIN))
        .color_scheme(palette.by_threshold())
        .no_value(board.word("no_data"))
        .with_target(Query("A", query, "table"))
    )
    board.dashboard.with_panel(panel)
