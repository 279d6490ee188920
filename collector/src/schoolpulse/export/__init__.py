"""What the collector knows beside the samples (states, names, incidents), for Grafana in InfluxDB."""
