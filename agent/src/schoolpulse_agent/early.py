"""Imported before everything else by the command line: puts off what hardly any run needs. See `late`."""

from __future__ import annotations

from schoolpulse_agent import late

late.postpone(*late.RARELY_USED)
