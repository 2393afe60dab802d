"""Runs Pods as local processes and reports on them as a kubelet would: the node of a machine without a cluster."""
