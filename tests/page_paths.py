"""Where every page is, in the district that lies behind it, and what tests look for there."""

from __future__ import annotations

from page_backend import Backend, district
from page_real import RealPage

from schoolpulse.access.models import Role
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.registry.models import School

ACTING = (
    *("devices", "school-real", "registry", "edit", "import", "start"),
    *("maintenance", "reports", "endpoints", "agents", "users"),
)
STRANGE = ("set-up", "login", "missing")


def watching(backend: Backend) -> dict[str, str]:
    """The pages that show what is so, over a district in memory: their paths by name."""
    backup = next(item.school for item in backend.live.snapshot().schools if item.status == "on_backup")
    incident = next(one for one in backend.incidents.list(open_only=True) if one.kind == "outage")
    return {
        "wall": "/",
        "list": "/list",
        "map": "/map",
        "school": f"/schools/{backup.id}",
        "incidents": "/incidents?state=month",
        "incident": f"/incidents/{incident.id}",
        "health": "/health",
    }


def strange(kind: str) -> tuple[Backend, str]:
    """A page for who does not belong there, and the district behind it.

    Args:
        kind: ``set-up`` for the first administrator, from elsewhere; ``login`` for users; ``missing`` for a
            school that is not there.
    """
    backend = Backend(district(1), listens_on="127.0.0.1" if kind == "missing" else "0.0.0.0")
    if kind == "login":
        backend.services.access.users.add("lan.nguyen", "bốn từ không ai đoán", Role.ADMIN)
    return backend, "/schools/nobody" if kind == "missing" else "/login"


def acting(real: RealPage) -> dict[str, str]:
    """The pages on which people act, over a real collector."""
    school = real.district.schools[0].id
    return {
        "devices": "/devices",
        "school-real": f"/schools/{school}",
        "registry": "/registry",
        "edit": f"/registry/schools/{school}",
        "import": "/registry/import",
        "start": "/start",
        "maintenance": "/maintenance",
        "reports": "/reports",
        "endpoints": "/endpoints",
        "agents": "/agents",
        "users": "/users",
    }


def online(backend: Backend) -> School:
    """A school that is fine."""
    return next(item.school for item in backend.live.snapshot().schools if item.status == "online")


def with_status(backend: Backend, status: SchoolStatus) -> School:
    """A school in that state."""
    return next(item.school for item in backend.live.snapshot().schools if item.status is status)


COLOURS = """(selector) => {
  const canvas = document.querySelector(selector);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const drawn = window.Chart.getChart(canvas)?.data.datasets ?? [];
  if (!drawn.some(({ data }) => data.length > 20)) return false;
  const seen = new Set();
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] > 200) seen.add(`${pixels[at]},${pixels[at + 1]},${pixels[at + 2]}`);
  }
  return seen.size > 8;
}"""
"""Whether a line of many points is drawn: it, the letters and their edges have many colours."""
