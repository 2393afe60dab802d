"""The Kubernetes API client: six verbs, watches, credentials, errors by class."""
