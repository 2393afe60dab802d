import pytest

from isoproxy.kube import resources
from isoproxy.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, ISOLATION_PODS, LEASES, NAMESPACES, PODS, Resource


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (PODS, (None,), "/api/v1/pods"),
        (PODS, ("x",), "/api/v1/namespaces/x/pods"),
        (PODS, ("x", "a"), "/api/v1/namespaces/x/pods/a"),
        (LEASES, ("x", "a"), "/apis/coordination.k8s.io/v1/namespaces/x/leases/a"),
        (ISOLATION_PODS, ("x", "a", "status"), "/apis/soh.re/v1alpha1/namespaces/x/isolationpods/a/status"),
        (NAMESPACES, (None,), "/api/v1/namespaces"),
        (NAMESPACES, (None, "x"), "/api/v1/namespaces/x"),
        (
            CUSTOM_RESOURCE_DEFINITIONS,
            (None, "ipods.soh.re"),
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ipods.soh.re",
        ),
        (PODS, ("a b", "c/d?e#f%", "log"), "/api/v1/namespaces/a%20b/pods/c%2Fd%3Fe%23f%25/log"),
    ],
)
def test_the_path_is_that_of_the_object(resource: Resource, arguments: tuple[str | None, ...], path: str) -> None:
    assert resource.path(*arguments) == path  # type: ignore[arg-type]  # a table has no argument types


@pytest.mark.parametrize(
    ("resource", "arguments"),
    [
        (PODS, (None, "a")),
        (PODS, ("x", None, "status")),
        (NAMESPACES, ("x", "a")),
        (PODS, ("x", "")),
        (PODS, ("x", "..")),
        (PODS, ("", "a")),
        (PODS, (".", "a")),
        (PODS, ("x", "a", "..")),
    ],
)
def test_a_path_that_would_lead_elsewhere_is_refused(resource: Resource, arguments: tuple[str | None, ...]) -> None:
    with pytest.raises(ValueError, match=r"name|no name"):
        resource.path(*arguments)  # type: ignore[arg-type]  # a table has no argument types


def test_the_core_group_has_no_name_in_api_versions() -> None:
    assert (PODS.api_version, LEASES.api_version) == ("v1", "coordination.k8s.io/v1")


def test_every_resource_is_there_once() -> None:
    known = [value for value in vars(resources).values() if isinstance(value, Resource)]
    assert len({(each.group, each.plural) for each in known}) == len(known)
