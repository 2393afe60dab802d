"""What isoproxy relies on an API server for, checked through its own client on the embedded server and on a real one.

The real one is the server that `ISOPROXY_KUBECONFIG` means; the tests work in namespaces and with definitions of
their own, and remove them. What only controllers do wants `ISOPROXY_CONTROLLERS` to say that they run there, what a
compaction does the URL of its etcd in `ISOPROXY_ETCD`. The end of the run says what was left out for want of these.
"""
