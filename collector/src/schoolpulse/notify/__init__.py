"""From an incident to somebody who hears of it: outbox, signing, channels."""
