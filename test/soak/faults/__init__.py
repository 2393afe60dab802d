"""What can go wrong: a file for each place where it does."""

from test.soak.faults import admission, authority, cluster, network, processes, user

ALL = (*processes.FAULTS, *network.FAULTS, *user.FAULTS, *cluster.FAULTS, *admission.FAULTS, *authority.FAULTS)
