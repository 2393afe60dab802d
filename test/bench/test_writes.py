"""What is counted as a write, and under which name."""

from collections import Counter

from prometheus_client.samples import Sample

from bench.writes import asked_for, of_objects, taken_by


def request(verb: str, resource: str, code: str, value: float) -> Sample:
    return Sample("isoproxy_api_requests_total", {"verb": verb, "resource": resource, "code": code}, value)


def test_of_a_process_the_writes_are_counted_the_refused_ones_apart() -> None:
    samples = [
        request("create", "pods", "201", 2),
        request("create", "pods", "403", 1),
        request("create", "pods", "timeout", 1),
        request("patch", "isolationpods", "200", 3),
        request("list", "pods", "200", 5),
        Sample("isoproxy_sessions", {"namespace": "default", "service": "one"}, 7),
    ]
    assert asked_for(samples) == Counter(
        {"create pods": 2, "create pods, refused": 2, "patch isolationpods": 3},
    )


def test_of_an_api_server_the_writes_of_all_are_counted_by_their_subresource() -> None:
    def line(verb: str, resource: str, subresource: str, code: str, count: int, dry_run: str = "") -> str:
        labels = f'code="{code}",dry_run="{dry_run}",resource="{resource}",subresource="{subresource}",verb="{verb}"'
        return f"apiserver_request_total{{{labels}}} {count}\n"

    text = (
        "# HELP apiserver_request_total Counter of apiserver requests.\n"
        "# TYPE apiserver_request_total counter\n"
        + line("POST", "pods", "", "201", 2)
        + line("POST", "pods", "binding", "201", 2)
        + line("POST", "pods", "", "201", 1, dry_run="All")
        + line("PATCH", "pods", "status", "200", 4)
        + line("DELETE", "pods", "", "200", 1)
        + line("DELETE", "pods", "", "404", 1)
        + line("WATCH", "pods", "", "200", 9)
        + 'apiserver_request_total_of_another_name{verb="POST"} 1\n'
        + 'another_total{verb="POST"} 1\n'
    )
    assert taken_by(text) == Counter(
        {
            "create pods": 2,
            "create pods/binding": 2,
            "patch pods/status": 4,
            "delete pods": 1,
            "delete pods, refused": 1,
        }
    )


def test_writes_of_objects_are_those_of_pods_and_their_records() -> None:
    others = {"patch leases": 1, "patch dedicatedservices/status": 1, "create events": 1}
    objects = {"create pods": 1, "patch isolationpods/status": 1, "delete pods, refused": 1}
    assert of_objects(Counter(others | objects)) == Counter(objects)
