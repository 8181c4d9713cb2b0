"""The trader's own HTTP port: probes, status, metrics, admin API."""
