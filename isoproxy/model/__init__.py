"""What the objects mean: parsed once at the edge into frozen dataclasses, and built from them. Pure."""
