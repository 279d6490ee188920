"""How agents come to their identity at the broker, how it is taken away, and what they are told to do."""
