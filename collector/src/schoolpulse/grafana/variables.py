"""The variables of dashboards: what a person chooses, and the hidden ones that find the tier to read."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
    VariableType,
)

from schoolpulse.grafana.query import datasource

DATABASE = "schoolpulse"
LASTING = '"${db:raw}_1h"."autogen".'
"""Stands before the measurements that are kept longest."""
WINDOWS = '"${db:raw}_5m"."autogen".'
"""Stands before a measurement of 5-minute windows, whatever the range."""
TIERED = "${tier:raw}"
"""Stands before a measurement that is read from the tier for the range."""
STEP = "${step:raw}"
ALL = "$__all"


def high(field: str) -> str:
    """The greatest of `field`, quoted, in whatever tier."""
    return f'"{field}${{high:raw}}'


def total(field: str) -> str:
    """The sum of `field`, quoted, in whatever tier."""
    return f'"{field}${{sum:raw}}'


def p95(field: str) -> str:
    """The 95th percentile of each window of `field`, quoted; in raw points the values themselves."""
    return f'"{field}${{p95:raw}}'


class Variable(Builder[VariableModel]):
    """A variable that is made already; the SDK's own builders cannot hide one."""

    def __init__(self, model: VariableModel) -> None:
        self._model = model

    def build(self) -> VariableModel:
        """The variable."""
        return self._model


def database() -> Variable:
    """The raw points' database; publishing may put another name in."""
    value = VariableOption(selected=True, text=DATABASE, value=DATABASE)
    return Variable(
        VariableModel(
            name="db",
            type_val=VariableType.CONSTANT,
            query=DATABASE,
            current=value,
            options=[value],
            hide=VariableHide.HIDE_VARIABLE,
            skip_url_sync=True,
        )
    )


def hidden() -> list[Variable]:
    """What the table of tiers says for the range chosen, asked anew whenever it changes."""
    names = {"tier": "prefix", "high": "high", "sum": "sum", "p95": "p95", "step": "step"}
    return [
        Variable(
            VariableModel(
                name=name,
                type_val=VariableType.QUERY,
                datasource=datasource(),
                query=f'SELECT "{field}" FROM {LASTING}"tier" WHERE ${{__to}} - ${{__from}} <= "upto_ms"'
                ' AND ${__from} >= "oldest_ms" ORDER BY time DESC LIMIT 1',
                hide=VariableHide.HIDE_VARIABLE,
                skip_url_sync=True,
                refresh=VariableRefresh.ON_TIME_RANGE_CHANGED,
                sort=VariableSort.DISABLED,
            )
        )
        for name, field in names.items()
    ]


def choice(name: str, label: str, query: str, *, several: bool = True, regex: str | None = None) -> Variable:
    """Something to choose; with `several` any number of them, all at first."""
    return Variable(
        VariableModel(
            name=name,
            type_val=VariableType.QUERY,
            label=label,
            datasource=datasource(),
            query=query,
            refresh=VariableRefresh.ON_DASHBOARD_LOAD,
            sort=VariableSort.ALPHABETICAL_ASC,
            multi=several,
            include_all=several,
            all_value=".*" if several else None,
            current=VariableOption(selected=True, text=["All"], value=[ALL]) if several else None,
            regex=regex,
        )
    )


def school(label: str) -> Variable:
    """One school, chosen by name; the value is its id."""
    query = f'SELECT "label" FROM {LASTING}"school" WHERE time > now() - 2d'
    return choice("school", label, query, several=False, regex=r"/^(?<text>.*) \[(?<value>[^\]]+)\]$/")


def of_registry(name: str, label: str) -> Variable:
    """Any of the registry's `ward` or `provider`."""
    return choice(name, label, f'SELECT "{name}" FROM {LASTING}"school" WHERE time > now() - 2d')


def matches(tag: str, variable: str | None = None) -> str:
    """A condition for what was chosen of several."""
    return f'"{tag}" =~ /^${{{variable or tag}:regex}}$/'
