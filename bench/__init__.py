"""Benchmarks: figures from one run on one machine, as ratios against HAProxy and nginx; never a pass or a fail."""
