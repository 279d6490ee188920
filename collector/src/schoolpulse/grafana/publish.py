"""Puts folder, data source and dashboards into a Grafana, through grafana-api. The one module that knows it.

What is there already and the same is left alone, so that publishing twice changes nothing. grafana-api's own
classes go by numeric ids, which Grafana has given up; its transport is used with the paths by uid, which
are the same from 9.4 to 12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

from schoolpulse.errors import GrafanaRefused, UsageError
from schoolpulse.grafana.build import BOARDS, dashboard
from schoolpulse.grafana.query import DATASOURCE_UID
from schoolpulse.i18n import Language

FOLDER_UID = "schoolpulse"
OLDEST = (9, 4)
TIMEOUT_S = 15.0
_OWN_WORD = ("id", "version", "iteration")
"""What Grafana adds to a dashboard by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A Grafana and the token of a service account with the role Admin (data sources) or Editor."""

    url: str
    token: str
    folder: str = "SchoolPulse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Influx:
    """InfluxDB as Grafana reaches it: a token (2, 3), or user and password (1), that may read."""

    url: str
    database: str
    token: str = ""
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, or would be: ``created``, ``updated`` or ``unchanged``."""

    what: str
    name: str
    done: str


def publish(
    target: Target, influx: Influx, *, languages: Sequence[Language], dry_run: bool = False
) -> list[Step]:
    """Publish the dashboards of `languages`.

    Raises:
        GrafanaRefused: Grafana is away, too old, or refuses the token.
        UsageError: the address is none.
    """
    api = _Api(target)
    api.check_version()
    steps = [_folder(api, target.folder, dry_run=dry_run), _datasource(api, influx, dry_run=dry_run)]
    models = (
        for_database(dashboard(name, language), influx.database) for language in languages for name in BOARDS
    )
    steps.extend(_dashboard(api, model, dry_run=dry_run) for model in models)
    return steps


def inspect(target: Target) -> tuple[str, list[str]]:
    """The version of a Grafana, and what it lacks of what `publish` puts there, in words.

    Raises:
        GrafanaRefused: it is away, too old, or refuses the token.
    """
    api = _Api(target)
    version = api.check_version()
    missing = []
    path = f"/datasources/uid/{DATASOURCE_UID}"
    if api.find(path) is None:
        missing.append("the data source schoolpulse is not there")
    else:
        try:
            health = api.ask("GET", f"{path}/health")
        except GrafanaRefused as error:
            health = {"status": "ERROR", "message": str(error)}
        if health.get("status") != "OK":
            missing.append(f"its data source cannot read InfluxDB: {str(health.get('message', ''))[:200]}")
    boards = [f"schoolpulse-{name}-vi" for name in BOARDS]
    absent = [uid for uid in boards if api.find(f"/dashboards/uid/{uid}") is None]
    if absent:
        missing.append(f"dashboards are not there: {', '.join(absent)}")
    return version, missing


def datasource_model(influx: Influx) -> dict[str, Any]:
    """The data source as Grafana keeps it, secrets included."""
    model: dict[str, Any] = {
        "uid": DATASOURCE_UID,
        "name": "SchoolPulse",
        "type": "influxdb",
        "access": "proxy",
        "url": influx.url,
        "database": influx.database,
        "user": influx.user,
        "isDefault": False,
        "jsonData": {
            "dbName": influx.database,
            "httpMode": "POST",
            "version": "InfluxQL",
            "timeInterval": "30s",
        },
        "secureJsonData": {},
    }
    if influx.token:
        model["jsonData"]["httpHeaderName1"] = "Authorization"
        model["secureJsonData"]["httpHeaderValue1"] = f"Token {influx.token}"
    if influx.password:
        model["secureJsonData"]["password"] = influx.password
    return model


def for_database(model: dict[str, Any], database: str) -> dict[str, Any]:
    """The dashboard with another database's name in its hidden variable."""
    for variable in model["templating"]["list"]:
        if variable["name"] == "db":
            option = {"selected": True, "text": database, "value": database}
            variable |= {"query": database, "current": option, "options": [option]}
    return model


def _folder(api: _Api, title: str, *, dry_run: bool) -> Step:
    found = api.find(f"/folders/{FOLDER_UID}")
    if found is None:
        if not dry_run:
            api.ask("POST", "/folders", {"uid": FOLDER_UID, "title": title})
        return Step("folder", title, "created")
    if found.get("title") != title:
        if not dry_run:
            api.ask("PUT", f"/folders/{FOLDER_UID}", {"title": title, "overwrite": True})
        return Step("folder", title, "updated")
    return Step("folder", title, "unchanged")


def _datasource(api: _Api, influx: Influx, *, dry_run: bool) -> Step:
    model = datasource_model(influx)
    path = f"/datasources/uid/{DATASOURCE_UID}"
    found = api.find(path)
    if found is None:
        if not dry_run:
            api.ask("POST", "/datasources", model)
        return Step("data source", model["name"], "created")
    same = all(
        found.get(key) == value for key, value in model.items() if key not in {"secureJsonData", "jsonData"}
    )
    same = same and found.get("jsonData", {}) == model["jsonData"]
    # Grafana says which secrets it has, not what they are: a given one is always written.
    if same and not model["secureJsonData"]:
        return Step("data source", model["name"], "unchanged")
    if not dry_run:
        api.ask("PUT", path, model)
    return Step("data source", model["name"], "updated")


def _dashboard(api: _Api, model: dict[str, Any], *, dry_run: bool) -> Step:
    found = api.find(f"/dashboards/uid/{model['uid']}")
    name = f"{model['title']} ({model['uid']})"
    if found is not None and found.get("meta", {}).get("folderUid") == FOLDER_UID:
        theirs = {key: value for key, value in found.get("dashboard", {}).items() if key not in _OWN_WORD}
        if theirs == model:
            return Step("dashboard", name, "unchanged")
    if not dry_run:
        api.ask(
            "POST",
            "/dashboards/db",
            {
                "dashboard": model | {"id": None},
                "folderUid": FOLDER_UID,
                "overwrite": True,
                "message": "schoolpulse",
            },
        )
    return Step("dashboard", name, "updated" if found is not None else "created")


class _Api:
    """Requests, and what Grafana's answers mean for the operator."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"{target.url} is no address", hint="as in https://grafana.example.vn")
        prefix = parts.path.strip("/")
        self._url = target.url
        face = GrafanaFace(
            auth=target.token,
            host=parts.hostname,
            port=parts.port,
            protocol=parts.scheme,
            url_path_prefix=f"{prefix}/" if prefix else "",
            timeout=TIMEOUT_S,
        )
        self._api: Any = face.api

    def check_version(self) -> str:
        """Its version; refuses a Grafana that would show the dashboards wrongly."""
        said = str(self.ask("GET", "/health").get("version", ""))
        found = re.match(r"(\d+)\.(\d+)", said)
        if found is None:
            raise GrafanaRefused(
                f"{self._url} does not say its version", hint="is it Grafana? its /api/health says none"
            )
        if (int(found[1]), int(found[2])) < OLDEST:
            raise GrafanaRefused(f"Grafana {said} is too old", hint="these dashboards need 9.4 or newer")
        return said

    def find(self, path: str) -> dict[str, Any] | None:
        """What is at `path`; None where nothing is."""
        try:
            return self._ask("GET", path)
        except GrafanaException as error:
            if error.status_code == 404:
                return None
            raise self._refused(error) from error

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a request that has to succeed."""
        try:
            return self._ask(method, path, body)
        except GrafanaException as error:
            raise self._refused(error) from error

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        run: Callable[..., Any] = getattr(self._api, method)
        try:
            answer = run(path, json=body) if body is not None else run(path)
        except requests.RequestException as error:
            raise GrafanaRefused(
                f"{self._url} does not answer ({type(error).__name__})",
                hint="is Grafana running, and is the address right?",
            ) from error
        if not isinstance(answer, dict):
            raise GrafanaRefused(f"{self._url} answers something else", hint="is it Grafana?")
        return answer

    def _refused(self, error: GrafanaException) -> GrafanaRefused:
        if isinstance(error, GrafanaUnauthorizedError):
            return GrafanaRefused(
                "Grafana does not know this token",
                hint="make one: Administration, Service accounts, Add token",
            )
        if error.status_code == 403:
            return GrafanaRefused(
                "the token may not do this",
                hint="its service account needs the role Admin, for the data source",
            )
        kind = "refuses" if isinstance(error, GrafanaClientError) else "fails"
        return GrafanaRefused(
            f"Grafana {kind} ({error.status_code}): {str(error.message)[:200]}", hint="its log says more"
        )
