"""Bad input. Each target is a module with ``run(data: bytes) -> None``, raising where its docstring's promise breaks.

``test_targets.py`` gives each its seeds and a bounded number of mutations of them; ``python -m test.fuzz`` (``make
fuzz``) looks for more, by the branches that they reach. An input that broke something stays among the seeds.
"""
