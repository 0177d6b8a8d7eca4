"""Every test of the operators again, by machine code: `check` is the one of this folder, which compiles, and draws schedules by turns."""

from tests.conformance.operator_tests import operator_tests

globals().update(operator_tests())
