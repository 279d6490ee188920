"""The monitoring centre in Grafana: dashboards as code, and their publishing. Not needed while serving."""
