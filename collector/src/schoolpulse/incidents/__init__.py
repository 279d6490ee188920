"""Outages decided: evidence in, incidents out. The engine is pure; no I/O in here but for the repository."""
