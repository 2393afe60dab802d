import pytest

# The helpers of the tests say what went wrong as the tests themselves do.
pytest.register_assert_rewrite("test.e2e.apart", "test.e2e.oncluster")
