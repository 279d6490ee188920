"""One file a dashboard. Each has ``make(language) -> Board``."""
