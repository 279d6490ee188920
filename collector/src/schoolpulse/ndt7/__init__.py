"""The district's own ndt7 server: what the agents' speed tests can run against at home."""
