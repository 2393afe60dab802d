"""The proxy: from an accepted connection to a pod of its own, and back."""
