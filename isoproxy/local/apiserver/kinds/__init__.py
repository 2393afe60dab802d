"""The kinds that are served: what each is called, what it may hold, and what it does of its own. Pure."""
