"""Every text that the page names exists, and every text of the page is named somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import get_args

import pytest

from schoolpulse.access.models import Role
from schoolpulse.api.agents import CommandIn, EnrolmentState
from schoolpulse.enrolment.orders import OrderState
from schoolpulse.i18n import LANGUAGES, Language
from schoolpulse.incidents.model import Cause, Change, IncidentKind, SchoolStatus, Scope
from schoolpulse.notify.history import EndpointStatus
from schoolpulse.registry.findings import KINDS
from schoolpulse.web.assets import static_assets, web_texts
from schoolpulse.web.templates import assembled
from schoolpulse_agent.probes.registry import PROBES

# Keys that end in a word of the model, in JavaScript `web.status.${status}`.
FAMILIES: Mapping[str, Iterable[str]] = {
    "web.status.": set(SchoolStatus),
    "web.status_meaning.": set(SchoolStatus),
    "kind.": set(IncidentKind),
    "cause.": set(Cause),
    "web.scope.": set(Scope) - {Scope.SCHOOL},
    "web.level.": {"mam_non", "tieu_hoc", "thcs"},
    "web.reach.": {"lan_gateway", "isp_edge", "national", "international"},
    "web.school.": {"primary", "backup", "heard", "uptime", "devices", "hardware", "version"},
    "web.role.": set(Role),
    "web.change.": set(Change),
    "web.weekday.": {"mon", "tue", "wed", "thu", "fri", "sat", "sun"},
    "web.endpoint.": set(EndpointStatus),
    "web.delivery.": {"pending", "delivered", "given_up"},
    "web.reports.": {
        *("kpi", "connected", "broadband", "measured", "outages", "lost", "on_backup", "speed", "devices"),
    },
    "web.language.": set(LANGUAGES),
    "web.finding.": {*KINDS, "up", "down"},
    "web.devices.": {"seen_only", "recorded_only"},
    "web.enrolment.": set(get_args(EnrolmentState)),
    "web.account.": {"active", "ended", "owed", "trouble"},
    "web.command.": set(get_args(CommandIn.model_fields["do"].annotation)),
    "web.order.": set(OrderState),
    "web.probe.": set(PROBES),
    "web.import.": {"mistakes", "warnings", "mistakes_count", "warnings_count", "new", "changed", "same"},
    "web.reports.form_": {"pdf", "xlsx", "csv", "json"},
    "web.incidents.": {"cause", "provider", "start", "end", "confirmed", "paged", "parent"},
}
OPEN_FAMILIES = {
    *("web.technology.", "web.device.", "web.record.", "web.refused.", "web.fact.", "web.why."),
    *("web.part.", "web.reason.", "web.field.", "web.caller."),
}
"""What may end in other words too, which then stand as they are."""


def sources() -> dict[str, str]:
    found = {path: asset.body.decode() for path, asset in static_assets().items() if path.startswith("js/")}
    names = [entry.name.removesuffix(".html") for entry in (files("schoolpulse.web") / "pages").iterdir()]
    return found | {f"{name}.html": assembled(name) for name in names if name != "parts"}


def named() -> set[str]:
    keys: set[str] = set()
    for text in sources().values():
        keys |= set(re.findall(r"[\"'{`]((?:web|kind|cause)\.[a-z0-9_.]+)[\"'}`]", text))
        for family in re.findall(r"`((?:web|kind|cause)\.[a-z0-9_.]*)\$\{", text):
            if family not in OPEN_FAMILIES:
                keys |= {family + word for word in FAMILIES[family]}
    return keys


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_named_text_exists(language: Language) -> None:
    assert named() - set(web_texts(language)) == set()


def test_every_text_of_the_page_is_named() -> None:
    own = {key for key in web_texts("vi") if key.startswith("web.")}
    unnamed = {key for key in own - named() if not key.startswith(tuple(OPEN_FAMILIES))}
    assert unnamed == set()


def test_both_languages_fill_in_the_same_names() -> None:
    vi, en = web_texts("vi"), web_texts("en")
    for key, text in vi.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", en[key])), key


def test_nothing_is_said_past_the_catalogue() -> None:
    """No Vietnamese and no sentence stands in scripts or pages themselves."""
    for path, text in sources().items():
        code = re.sub(r"//.*|/\*.*?\*/|<!--.*?-->", "", text, flags=re.DOTALL if path.endswith("html") else 0)
        code = re.sub(r"^\s*(/\*)?\*.*$", "", code, flags=re.MULTILINE)
        code = re.sub(r"\.replace\(/.*", "", code)  # how schools' names are shortened is no text of ours
        vietnamese = re.findall(r"[ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", code)
        assert vietnamese == [], path
        if path.endswith(".html"):
            words = re.findall(r">\s*([A-Za-z][A-Za-z ]{2,})\s*<", code)
            assert words == [], path


def test_no_file_of_ours_names_a_foreign_address() -> None:
    for path, asset in static_assets().items():
        if path != "vendor/chart.js":
            addresses = re.findall(r"https?://[^\s\"')]+", asset.body.decode())
            assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path
