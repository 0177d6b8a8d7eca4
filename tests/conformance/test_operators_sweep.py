"""The same as `test_operators.py`, with all variants of every case."""

import pytest

from tests.conformance.operator_tests import operator_tests

SWEEP = True

pytestmark = pytest.mark.slow

globals().update(operator_tests())
