"""For all tests of the agent."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no reason to fail: examples have no deadline.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
