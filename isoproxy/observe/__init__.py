"""What the outside sees of it: outcomes, the access log, metrics and health."""
