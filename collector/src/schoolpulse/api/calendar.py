"""``/api/v1/calendar``: when pages are wanted, as the policy file says."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.api.problems import ProblemDocument
from schoolpulse.api.services import Services
from schoolpulse.incidents.mutes import CalendarSettings, SchoolCalendar
from schoolpulse.local_time import day_of, ms_of

MOST_MONTHS = 18


class CalendarOut(BaseModel):
    """The school calendar. Outside of its days and hours incidents are recorded and nobody is woken."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "today": "2026-03-02",
                    "always": False,
                    "hours": ["06:30", "17:30"],
                    "open_days": ["2026-03-02", "2026-03-03"],
                }
            ]
        }
    )

    today: date
    always: bool = Field(description="The policy has no calendar: pages are wanted at any time")
    hours: list[str] = Field(min_length=2, max_length=2, description="From and to, Vietnam's time")
    open_days: list[date] = Field(description="From the first of this month on")


def router(services: Services) -> APIRouter:
    """The route over `services`."""
    routes = APIRouter(tags=["maintenance"])
    settings = services.calendar
    school_calendar = SchoolCalendar(settings) if settings is not None else None

    @routes.get("/calendar", responses=ProblemDocument.responses(422))
    def calendar(months: Annotated[int, Query(ge=1, le=MOST_MONTHS)] = 6) -> CalendarOut:
        """Which days of this month and the ones after it are open."""
        today = day_of(services.clock.now_ms())
        hours = (settings or CalendarSettings()).hours
        days = [] if school_calendar is None else _days(today.replace(day=1), months)
        return CalendarOut(
            today=today,
            always=school_calendar is None,
            hours=list(hours),
            open_days=[
                day for day in days if school_calendar and school_calendar.is_open(_at(day, hours[0]))
            ],
        )

    return routes


def _days(first: date, months: int) -> list[date]:
    year, month = divmod(first.month - 1 + months, 12)
    end = date(first.year + year, month + 1, 1)
    return [first + timedelta(days=number) for number in range((end - first).days)]


def _at(day: date, time_of_day: str) -> int:
    hour, minute = (int(part) for part in time_of_day.split(":"))
    return ms_of(datetime.combine(day, time(hour, minute)))
