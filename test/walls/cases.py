"""What the wall around a service's pods promises: one table, for every way of finding out.

It knows parties and no addresses. Who asks says what stands for them: labels where a matcher of policies answers, real
pods and hosts where a cluster does.
"""

from test.walls.terms import Party, Port, Promise, Protocol, Setting

_ALWAYS = frozenset(Setting)
_EVERYWHERE = frozenset({Setting.EVERYWHERE})
_CIDR = frozenset({Setting.CIDR, Setting.BOTH, Setting.EVERYWHERE})
_CIDR_6 = frozenset({Setting.CIDR_6})
_DNS = frozenset({Setting.DNS, Setting.BOTH})
_PORT_CHANGED = frozenset({Setting.PORT_CHANGED})
_TCP = frozenset({Protocol.TCP})

# That a node reaches the pods on it is no case: policy engines let it, for probes.
INWARD = (
    Promise("a proxy reaches its service's pods, by TCP", Party.PROXY, Party.POD, Port.SERVED, _ALWAYS, _TCP),
    Promise("a proxy reaches no other port of them", Party.PROXY, Party.POD, Port.OTHER),
    Promise(
        "a proxy reaches the earlier port while pods with it are in use, and no longer",
        Party.PROXY,
        Party.POD,
        Port.EARLIER,
        _PORT_CHANGED,
        _TCP,
    ),
    Promise("a proxy reaches no pod of another service", Party.PROXY, Party.OTHER_POD, Port.SERVED),
    Promise("a proxy of another service reaches no pod", Party.OTHER_PROXY, Party.POD, Port.SERVED),
    Promise("a proxy of an older service of the same name reaches no pod", Party.OLD_PROXY, Party.POD, Port.SERVED),
    Promise("the label of a proxy's role alone opens nothing", Party.IMPOSTOR, Party.POD, Port.SERVED),
    Promise("a proxy's labels open nothing in another namespace", Party.LIKENESS, Party.POD, Port.SERVED),
    Promise("no pod reaches another one of its service", Party.SIBLING, Party.POD, Port.SERVED),
    Promise("no pod of another service reaches a pod", Party.OTHER_POD, Party.POD, Port.SERVED),
    Promise("no neighbour in the namespace reaches a pod", Party.NEIGHBOUR, Party.POD, Port.SERVED),
    Promise("no pod of another namespace reaches a pod", Party.STRANGER, Party.POD, Port.SERVED),
    Promise("no host of the internet reaches a pod", Party.HOST, Party.POD, Port.SERVED),
    Promise("no host that pods may call reaches a pod", Party.OPENED_HOST, Party.POD, Port.SERVED),
    Promise("no host of the IPv6 internet reaches a pod", Party.HOST_6, Party.POD, Port.SERVED),
)

# To open all of IPv4 opens the cluster and its nodes, too: there is no telling them from the internet.
OUTWARD = (
    Promise("a pod reaches hosts in the opened network", Party.POD, Party.OPENED_HOST, Port.OTHER, _CIDR),
    Promise("a pod reaches no host outside of it", Party.POD, Party.HOST, Port.OTHER, _EVERYWHERE),
    Promise("a pod reaches hosts in the opened IPv6 network", Party.POD, Party.OPENED_HOST_6, Port.OTHER, _CIDR_6),
    Promise("a pod reaches no IPv6 host outside of it, all of IPv4 or not", Party.POD, Party.HOST_6, Port.OTHER),
    Promise("a pod reaches no pod of another service, whatever is opened", Party.POD, Party.OTHER_POD, Port.SERVED),
    Promise("a pod is no client of its own proxies", Party.POD, Party.PROXY, Port.OTHER, _EVERYWHERE),
    Promise("a pod reaches no neighbour in the namespace", Party.POD, Party.NEIGHBOUR, Port.OTHER, _EVERYWHERE),
    Promise("a pod reaches no pod of another namespace", Party.POD, Party.STRANGER, Port.OTHER, _EVERYWHERE),
    Promise("a pod does not reach the API server", Party.POD, Party.API_SERVER, Port.OTHER, _EVERYWHERE),
    Promise("a pod does not reach its node", Party.POD, Party.NODE, Port.OTHER, _EVERYWHERE),
    Promise("a pod does not reach the cloud's metadata", Party.POD, Party.METADATA, Port.OTHER, _EVERYWHERE),
)

# What is opened are the pods that every common cluster calls its DNS. A resolver elsewhere takes a CIDR of its own.
RESOLVING = (
    Promise(
        "a pod reaches the cluster's DNS where it is opened",
        Party.POD,
        Party.CLUSTER_DNS,
        Port.DNS,
        _DNS | _EVERYWHERE,
    ),
    Promise("opening DNS opens no other port of it", Party.POD, Party.CLUSTER_DNS, Port.OTHER, _EVERYWHERE),
    Promise("opening DNS opens no cache on the node", Party.POD, Party.NODE, Port.DNS, _EVERYWHERE),
    Promise("opening DNS opens no other pod of the system", Party.POD, Party.SYSTEM_POD, Port.DNS, _EVERYWHERE),
    Promise("opening DNS opens no pod of users, whatever its label", Party.POD, Party.LIKE_DNS, Port.DNS, _EVERYWHERE),
    Promise("opening DNS opens its port on no host", Party.POD, Party.HOST, Port.DNS, _EVERYWHERE),
    Promise("opening DNS opens its port on no IPv6 host", Party.POD, Party.HOST_6, Port.DNS),
    Promise("opening DNS opens no wall: pods do not ask each other", Party.POD, Party.SIBLING, Port.DNS),
)

OUTSIDE = (
    Promise("proxies themselves are not walled in", Party.PROXY, Party.HOST, Port.OTHER, _ALWAYS),
    Promise("clients reach a proxy", Party.HOST, Party.PROXY, Port.OTHER, _ALWAYS),
    Promise("neighbours are not walled in", Party.NEIGHBOUR, Party.HOST, Port.OTHER, _ALWAYS),
    Promise("neighbours are not walled off", Party.STRANGER, Party.NEIGHBOUR, Port.SERVED, _ALWAYS),
)

PROMISES = (*INWARD, *OUTWARD, *RESOLVING, *OUTSIDE)
