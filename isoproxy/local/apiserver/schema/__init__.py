"""Schemas: what an object may hold. Parsed once into nodes, then pruned, defaulted and validated by them. Pure."""
