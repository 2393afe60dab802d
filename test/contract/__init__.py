"""What isoproxy relies on an API server for, checked through its own client on the embedded server and on a real one.

Each test runs on both, in namespaces and with definitions of its own, which it removes. Whatever differs between them
is mended in the embedded one, or written down in `docs/local.md`.
"""
