"""From the broker to the journal, and from the journal to the sinks."""
