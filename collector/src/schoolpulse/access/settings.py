"""``[access]``: how long a sign-in lasts, what is kept, who may read the collector's own figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class AccessSettings(BaseModel):
    """Sessions, the audit log and ``/metrics``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_hours: Annotated[float, Field(gt=0, le=24 * 90)] = 12.0
    """A session that nobody used for so long is over."""
    session_days: Annotated[float, Field(gt=0, le=365)] = 30.0
    """A session is over after so long, used or not."""
    audit_days: Annotated[int, Field(ge=30, le=36_500)] = 1_095
    """How long the audit log is kept: three years."""
    metrics: Literal["auto", "open", "guarded"] = "auto"
    """``/metrics`` without a token: ``auto`` while the collector listens on loopback only."""
