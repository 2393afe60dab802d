"""More clients than there is room for, and clients that want no service: every bound holds, and others notice nothing.

``ISOPROXY_OVERLOAD`` is how many times as much of it there is to be [1].
"""
