"""Who may do what: users, tokens, sessions, and the record of what was done."""
