"""The promises, held to from outside: operator and proxies as processes on a real API server, with everything failing.

What clients saw, what the proxies logged and what is left in the end is judged by ``judge.py``, which shares nothing
with the product.
"""
