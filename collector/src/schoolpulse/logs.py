"""Logging for a service: one line an event, ``time level logger message``, to standard error."""

from __future__ import annotations

import logging
import time


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def configure(level: str = "INFO") -> None:
    """Send every logger's lines to standard error; libraries only from WARNING up."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("schoolpulse", "schoolpulse_agent", "schoolpulse_sim"):
        logging.getLogger(name).setLevel(level)
