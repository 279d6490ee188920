"""One file a sub-command of `schoolpulse`."""
