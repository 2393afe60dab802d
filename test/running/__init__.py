"""Programs as processes, isoproxy among them, and what is seen of them from outside.

It stands below every test that runs them, and below the test cluster, which is made of such processes too.
"""

import pytest

# The helpers of the tests say what went wrong as the tests themselves do.
pytest.register_assert_rewrite("test.running.api", "test.running.clients", "test.running.process")
