"""Who keeps the agents' accounts at the broker: a file a kind."""
