"""The control path: observe, plan, apply. Keeps every service's pool, assignments and walls in shape."""
