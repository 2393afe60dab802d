"""The process that runs the pods' programs, and outlives twistd by as long as it takes to end them all.

It imports the standard library and itself only, and is started without the packages around it (see __main__):
so it is small, starts in 30 ms, and a fork of it is cheap.
"""
