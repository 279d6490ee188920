"""The settings of the embedded store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Days = Annotated[int, Field(ge=1, le=36_500)]


class SqliteSettings(BaseModel):
    """`[store] kind = "sqlite"`: one file, nothing to install; up to about a hundred schools.

    Points are kept as they came for `raw_days`, then as 5-minute windows for `five_minute_days` and as
    hours for `hourly_days`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sqlite"]
    path: Path
    raw_days: Days = 14
    five_minute_days: Days = 400
    hourly_days: Days = 3_650

    @model_validator(mode="after")
    def _coarser_lasts_longer(self) -> SqliteSettings:
        if not self.raw_days <= self.five_minute_days <= self.hourly_days:
            raise ValueError("raw_days <= five_minute_days <= hourly_days: what is coarser is kept longer")
        return self
