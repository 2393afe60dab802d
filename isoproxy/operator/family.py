"""What all that a service has one of is to be. Pure.

It is worked out anew where something has changed that it is made from, and else taken from the pass before: to spell
out and hash every object of every service each few seconds would be half of what an operator does that has nothing to
do.
"""

from collections.abc import Mapping

from isoproxy.model import manifests, proxies, proxyaccess
from isoproxy.model.parsing import Json
from isoproxy.operator.actions import Child
from isoproxy.operator.childkinds import fingerprint, made_from
from isoproxy.operator.observed import Family, Observed, Wanted


def family(observed: Observed) -> Family:
    """Return what the service's children and pods are to be."""
    source = _source(observed)
    if observed.family is not None and observed.family.source == source:
        return observed.family
    children = {child: Wanted(made["metadata"], fingerprint(made)) for child, made in spelt_out(observed).items()}
    return Family(source, children, manifests.template_hash(observed.service))


def _source(observed: Observed) -> tuple[object, ...]:
    meta = observed.service.metadata
    return meta.namespace, meta.name, meta.uid, observed.service.spec, observed.proxy_image, _ports(observed)


def _ports(observed: Observed) -> frozenset[int]:
    """Return the port of the service's pods, and those of pods from before it was changed."""
    return frozenset({observed.service.spec.port, *(record.spec.port for record in observed.records)})


def spelt_out(observed: Observed) -> Mapping[Child, Json]:
    """Return the manifests of the service's children."""
    service, image, ports = observed.service, observed.proxy_image, _ports(observed)
    wall = manifests.network_policy(service, ports_in_use=ports)
    if image is None:
        return {Child.NETWORK_POLICY: wall, Child.SETTINGS: manifests.settings_config_map(service)}
    wanted = {
        Child.NETWORK_POLICY: wall,
        Child.SETTINGS: manifests.settings_config_map(service, listen_port=proxyaccess.CLIENTS_PORT),
        Child.PROXY_POLICY: proxyaccess.network_policy(
            service, api_server_ports=image.api_server_ports, ports_in_use=ports
        ),
        Child.SERVICE_ACCOUNT: proxyaccess.service_account(service),
        Child.ROLE: proxyaccess.role(service),
        Child.ROLE_BINDING: proxyaccess.role_binding(service),
        Child.DEPLOYMENT: proxies.deployment(service, image),
        Child.SERVICE: proxies.client_service(service),
        Child.DISRUPTION_BUDGET: proxies.disruption_budget(service, image),
    }
    return {child: wanted[child] for child in made_from(image)}
