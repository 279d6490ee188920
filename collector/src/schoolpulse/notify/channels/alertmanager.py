"""Alertmanager's webhook body, version 4, so that its receivers work unchanged.

Source: Prometheus Alertmanager, configuration, `<webhook_config>`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from schoolpulse.incidents.model import Incident
from schoolpulse.notify.channels.base import Note
from schoolpulse.notify.settings import EndpointSettings

NEVER_ENDED = "0001-01-01T00:00:00Z"
"""What Alertmanager writes where an alert has no end yet (Go's zero time)."""


def alertmanager_body(note: Note, endpoint: EndpointSettings) -> str:
    """One group of one alert."""
    incident = note.transition.incident if note.transition is not None else None
    labels = _labels(note, incident)
    annotations = {"summary": note.text.title, "description": note.text.body}
    resolved = incident is not None and incident.resolved_at is not None
    status = "resolved" if resolved else "firing"
    key = incident.id if incident is not None else "test"
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
        return {"alertname": "test", "severity": "info", "incident": "test"}
    labels = {
        "alertname": incident.kind.value,
        "incident": incident.id,
        "scope": incident.scope.value,
        "severity": "critical" if incident.paged_at else "warning",
    }
    # The cause may change, and labels name the alert for its whole life: it is in the annotations.
    more = {
        "school": incident.school,
        "school_name": note.school.name if note.school is not None else None,
        "provider": incident.provider,
        "device": incident.device,
    }
    return labels | {name: value for name, value in more.items() if value}


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
