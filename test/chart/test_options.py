"""The operator that the chart deploys is started with what isoproxy understands."""

import pytest

from isoproxy.tap import Options
from test.chart.helm import Json, look, rendered
from test.chart.test_chart import EVERYTHING

pytestmark = pytest.mark.needs_program("go")


@pytest.mark.parametrize("values", [{}, EVERYTHING])
def test_isoproxy_understands_what_it_is_started_with(values: Json) -> None:
    options = Options()
    options.parseOptions(look(rendered(values), "Deployment spec.template.spec.containers.0.args"))
    assert options["role"] == "operator"
    assert options["namespace"] == values.get("watchNamespaces", [])
