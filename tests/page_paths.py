"""Where every page is, in the district that lies behind it."""

from __future__ import annotations

from page_backend import Backend
from page_real import RealPage


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
        "users": "/users",
    }
