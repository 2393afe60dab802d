"""Patches: merge, JSON, strategic merge and server-side apply. Pure; nothing is changed in place."""
