"""The wire contract as the collector reads it. No I/O in here."""
