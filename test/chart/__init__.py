"""The chart: what helm makes of it, and that a real API server takes it."""
