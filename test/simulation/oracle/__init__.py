"""Judges by what it sees itself, and shares nothing with the product: I1 to I6 of the design, and the wall.

``cluster`` follows the API server and ``visits`` the clients; each other module has one promise, ``oracle`` tells them.
"""

from test.simulation.oracle.oracle import Oracle

__all__ = ["Oracle"]
