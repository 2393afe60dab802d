"""Judges by what it sees itself, and shares nothing with the product: I1 to I5 of the design, at each event.

``cluster`` follows the API server and ``visits`` the clients; each other module has one promise, ``oracle`` tells them.
"""

from test.simulation.oracle.oracle import Oracle

__all__ = ["Oracle"]
