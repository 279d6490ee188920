"""The settings of the InfluxDB store, apart from it so that reading them does not load its client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class InfluxSettings(BaseModel):
    """`[store] kind = "influx"`: where InfluxDB is and how to write to it.

    `database` is the database of InfluxDB 1.x and 3 and the bucket of 2.x. Secrets lie in files of their
    own: a token (2.x, 3), or a user name here and a password file (1.x).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["influx"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] = "http://127.0.0.1:8086"
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "schoolpulse"
    org: str = "-"
    token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0
    batch_points: Annotated[int, Field(ge=1, le=50_000)] = 5_000
    parallel_requests: Annotated[int, Field(ge=1, le=8)] = 2
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """How long InfluxDB 1.x keeps raw points; None leaves the database as it is."""
    five_minute_days: Annotated[int, Field(ge=1, le=36_500)] = 730
    hourly_days: Annotated[int, Field(ge=1, le=36_500)] = 3_650
    """How long rolled-up windows are kept, in the databases `<database>_5m` and `<database>_1h`."""
    rollups_path: Path | None = None
    """The file that remembers which windows to compute; None makes no rollups."""

    @model_validator(mode="after")
    def _one_way_in(self) -> InfluxSettings:
        if self.token_file is not None and self.username is not None:
            raise ValueError("either a token_file (InfluxDB 2 and 3) or a username (InfluxDB 1), not both")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        raw_days = (self.retention_days or 0) if self.rollups_path is not None else 0
        if not raw_days <= self.five_minute_days <= self.hourly_days:
            raise ValueError(
                "retention_days <= five_minute_days <= hourly_days: what is coarser is kept longer"
            )
        return self
