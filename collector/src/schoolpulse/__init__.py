"""SchoolPulse: the collector, its incidents, its API and its page."""

__version__ = "0.1.0"
