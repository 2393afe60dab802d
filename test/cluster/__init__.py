"""A real Kubernetes on this machine, built from packages, for the tests: ``python -m test.cluster up``."""
