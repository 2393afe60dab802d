"""What isoproxy relies on an API server for, checked through its own client.

Without more it runs against the embedded server. With `ISOPROXY_KUBECONFIG` it runs against the server that the file
means, in namespaces and with a definition of its own; what only controllers do is then left out unless
`ISOPROXY_CONTROLLERS` says that they run there.
"""
