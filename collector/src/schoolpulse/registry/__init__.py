"""Which school, line and provider an agent is: the registry is the only one that says so."""
