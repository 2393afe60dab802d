"""Admission that refuses: by a policy, or by a webhook that does not answer."""

from random import Random

from test.running.api import Json
from test.soak.faults.fault import API, Begun, Fault, leave_alone
from test.soak.world import World

_LONGEST = 12.0
_GROUP = "/apis/admissionregistration.k8s.io/v1"
_WEBHOOKS = f"{_GROUP}/validatingwebhookconfigurations"
_POLICIES = f"{_GROUP}/validatingadmissionpolicies"
_BINDINGS = f"{_GROUP}/validatingadmissionpolicybindings"
_NAME = "soak"
_NOBODY = "https://127.0.0.1:1/"
_HERE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}
REASON = "no more pods today"
_WHAT = (("", "pods", "CREATE"), ("", "pods", "DELETE"), ("soh.re", "isolationpods/*", "*"), ("*", "*/*", "*"))
"""Group, resource and operation of what does not pass."""


def refuse_pods(world: World, random: Random) -> Begun:
    """Have a policy refuse every new pod, and say why."""
    leave_alone(world)
    world.api.create(_POLICIES, _policy())
    world.api.create(_BINDINGS, _binding())

    def undo() -> None:
        for path in (_BINDINGS, _POLICIES):
            if world.api.find(f"{path}/{_NAME}"):
                world.api.delete(f"{path}/{_NAME}")

    return Begun(API, random.uniform(1, _LONGEST), undo)


def fail_pods(world: World, random: Random) -> Begun:
    """Have no new pod pass, since who should say so does not answer."""
    return _fail(world, random, *_WHAT[0])


def fail_something(world: World, random: Random) -> Begun:
    """Have something or other not pass."""
    return _fail(world, random, *random.choice(_WHAT))


def _fail(world: World, random: Random, group: str, resource: str, operation: str) -> Begun:
    leave_alone(world)
    world.api.create(_WEBHOOKS, _webhook(group, resource, operation))

    def undo() -> None:
        if world.api.find(f"{_WEBHOOKS}/{_NAME}"):
            world.api.delete(f"{_WEBHOOKS}/{_NAME}")

    return Begun(API, random.uniform(1, _LONGEST), undo, f"{operation} {resource}")


def _rule(group: str, resource: str, operation: str) -> Json:
    return {"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": [operation]}


def _webhook(group: str, resource: str, operation: str) -> Json:
    hook = {
        "name": "nobody.soak.test",
        "clientConfig": {"url": _NOBODY},
        "rules": [_rule(group, resource, operation)],
        **_HERE,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    return _object("ValidatingWebhookConfiguration") | {"webhooks": [hook]}


def _policy() -> Json:
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [_rule(*_WHAT[0])], **_HERE},
        "validations": [{"expression": "false", "message": REASON}],
    }
    return _object("ValidatingAdmissionPolicy") | {"spec": spec}


def _binding() -> Json:
    spec = {"policyName": _NAME, "validationActions": ["Deny"]}
    return _object("ValidatingAdmissionPolicyBinding") | {"spec": spec}


def _object(kind: str) -> Json:
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": _NAME}}


FAULTS = (
    Fault("refusing policy", 1, refuse_pods),
    Fault("failing webhook", 2, fail_something),
)
