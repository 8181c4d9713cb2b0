"""Everything that talks to something outside the process: the Kubernetes API, Redis, Prometheus, a venue's public REST. The lowest layer."""
