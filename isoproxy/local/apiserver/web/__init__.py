"""The API server as HTTP: requests parsed into verbs, answers and streams written, and nothing decided."""
