"""The simulated district: schools, lines, faults and gateways from a scenario and a seed, and the truth."""
