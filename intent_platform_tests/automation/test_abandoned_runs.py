"""The sensor for runs whose process was killed."""

import pytest

from intent_platform.workers import executing
from intent_platform_tests.automation.conftest import begin_run
from intent_platform_tests.builders.sensors import evaluate


class TestAbandonedRunsSensor:
    def test_names_the_runs_that_it_marked(self, simulated, instance):
        run = begin_run(simulated(), instance, "sessions_job")
        with pytest.raises(KeyboardInterrupt), executing(instance, run.run_id):
            raise KeyboardInterrupt
        assert run.run_id in evaluate(simulated(), "abandoned_runs_sensor", instance).skip_message
        assert "no run" in evaluate(simulated(), "abandoned_runs_sensor", instance).skip_message
