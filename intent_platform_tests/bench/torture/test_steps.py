"""The named steps exist. A renamed function would otherwise be found only when the suite runs."""

import pytest

from bench.torture.operations import OPERATIONS

STEPS = [(operation.name, step) for operation in OPERATIONS for step in operation.steps]


@pytest.mark.parametrize("step", [step for _, step in STEPS], ids=[f"{name}, {step.name}" for name, step in STEPS])
class TestStep:
    def test_is_a_function(self, step):
        owner, name = step.target
        assert callable(getattr(owner, name))


class TestSteps:
    def test_have_different_names_in_an_operation(self):
        assert len({(name, step.name) for name, step in STEPS}) == len(STEPS)
