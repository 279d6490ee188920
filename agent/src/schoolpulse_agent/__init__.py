"""The SchoolPulse agent: measures on a school's gateway, keeps what it measured, hands it over."""

__version__ = "0.1.0"
