"""Alertmanager's webhook body, version 4, so that its receivers work unchanged.

Source: Prometheus Alertmanager, configuration, `<webhook_config>`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from schoolpulse.incidents.model import Incident, IncidentKind
from schoolpulse.notify.channels.base import Note
from schoolpulse.notify.settings import EndpointSettings

NEVER_ENDED = "0001-01-01T00:00:00Z"
"""What Alertmanager writes where an alert has no end yet (Go's zero time)."""
BROADBAND_LOST = {IncidentKind.OUTAGE, IncidentKind.ON_BACKUP}
"""An incident's kind may become the second of them; the alert's name has to stay."""


def alertmanager_body(note: Note, endpoint: EndpointSettings) -> str:
    """One group of one alert."""
    incident = note.transition.incident if note.transition is not None else None
    labels = _labels(note, incident)
    annotations = {"summary": note.text.title, "description": note.text.body}
    if incident is not None:
        annotations |= {"kind": incident.kind.value, "cause": incident.cause.value}
    resolved = incident is not None and incident.resolved_at is not None
    status = "resolved" if resolved else "firing"
    key = labels["incident"]
    alert: dict[str, Any] = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": _iso(incident.start if incident is not None else note.at_ms),
        "endsAt": _iso(incident.end) if incident is not None and incident.end is not None else NEVER_ENDED,
        "generatorURL": note.link,
        "fingerprint": hashlib.sha256(key.encode()).hexdigest()[:16],
    }
    body = {
        "version": "4",
        "groupKey": f'{{}}:{{incident="{key}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": endpoint.id,
        "groupLabels": {"incident": key},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": note.link.partition("/incidents")[0],
        "alerts": [alert],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _labels(note: Note, incident: Incident | None) -> dict[str, str]:
    if incident is None:
        name = "test" if note.incidents is None else "summary"
        # "info" is usual in rules, but not every receiver knows it: Alerta 9 answers 500.
        labels = {"alertname": name, "severity": "warning", "incident": name}
        return labels | {"instance": "schoolpulse", "job": "schoolpulse"}
    labels = {
        "alertname": "broadband_lost" if incident.kind in BROADBAND_LOST else incident.kind.value,
        "instance": _instance(incident),
        "job": "schoolpulse",
        "incident": incident.id,
        "scope": incident.scope.value,
        "severity": "critical" if incident.paged_at else "warning",
    }
    # Kind and cause may change, and labels name the alert for its whole life: they are annotations.
    more = {
        "school": incident.school,
        "school_name": note.school.name if note.school is not None else None,
        "provider": incident.provider,
        "device": incident.device,
    }
    return labels | {name: value for name, value in more.items() if value}


def _instance(incident: Incident) -> str:
    """What it is of. Receivers such as Alerta know an alert again by this and its name alone.

    With the incident: the end of an earlier one that is tried again late must not close a later one.
    """
    of = (incident.school or incident.provider, incident.device, incident.id)
    return "/".join(part for part in of if part)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
