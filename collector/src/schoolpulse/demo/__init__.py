"""The demonstration: a whole district on this machine, started and ended with one command."""
