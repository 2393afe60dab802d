"""The embedded default: an API server and a pod runtime for one machine without a cluster."""
