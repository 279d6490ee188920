"""InfluxQL queries as Grafana keeps them; the SDK has builders for other data sources only.

The JSON is that of Grafana's InfluxDB data source in raw mode (public/app/plugins/datasource/influxdb,
`InfluxQuery`), the same from Grafana 9.4 to 12.
"""

from __future__ import annotations

from typing import Literal, Self

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

DATASOURCE_UID = "schoolpulse"
Format = Literal["time_series", "table"]


def datasource() -> DataSourceRef:
    """The one data source of every panel; provisioning and publishing make it with this uid."""
    return DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)


class InfluxQuery(Dataquery):
    """One InfluxQL statement; `alias` names its series (``$tag_name``, ``$col``)."""

    def __init__(self, ref_id: str, query: str, result_format: Format, alias: str = "") -> None:
        self.ref_id = ref_id
        self.query = query
        self.result_format = result_format
        self.alias = alias

    def to_json(self) -> dict[str, object]:
        """As Grafana keeps it."""
        return {
            "refId": self.ref_id,
            "datasource": {"type": "influxdb", "uid": DATASOURCE_UID},
            "query": self.query,
            "rawQuery": True,
            "resultFormat": self.result_format,
        } | ({"alias": self.alias} if self.alias else {})


class Query(Builder[Dataquery]):
    """Builds an `InfluxQuery`, for the SDK's panels."""

    def __init__(self, ref_id: str, query: str, result_format: Format, alias: str = "") -> None:
        self._query = InfluxQuery(ref_id, " ".join(query.split()), result_format, alias)

    def build(self) -> Dataquery:
        """The query."""
        return self._query

    def named(self, alias: str) -> Self:
        """The same with another name for its series."""
        self._query.alias = alias
        return self
