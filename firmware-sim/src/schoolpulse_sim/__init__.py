"""The simulated district."""
