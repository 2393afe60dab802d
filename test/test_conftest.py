"""What happens to tests whose programs are absent: told by the real hooks, in a pytest run of their own."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
TESTS = """
import pytest

@pytest.mark.needs_program("sh")
def test_with_a_program_that_is_there():
    pass

@pytest.mark.needs_program("sh", "no-such-program")
def test_with_a_program_that_is_absent():
    pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(TESTS)
    pytester.makeini("[pytest]\nmarkers = needs_program: as in the real configuration\n")
    for name in ("CI", "ISOPROXY_REQUIRE_ALL"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def test_a_test_without_its_program_is_left_out_and_the_end_of_the_run_says_so(run: pytest.Pytester) -> None:
    result = run.runpytest_inprocess("-p", "no:twisted")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["not run: 1 test without no-such-program (Debian: apt-get install no-such-program)"])


@pytest.mark.parametrize("switch", ["CI", "ISOPROXY_REQUIRE_ALL"])
def test_where_everything_must_run_a_missing_program_is_a_failure(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.setenv(switch, "true")
    result = run.runpytest_inprocess("-p", "no:twisted")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*not to be had here: no-such-program*"])
