"""The doctor job: where it exists, and what its run shows."""

from functools import partial

import dagster as dg
import pytest

from intent_platform.automation.doctor import DOCTOR_JOB, define_doctor_jobs
from intent_platform.platforms.snowflake.doctor import examination, login
from intent_platform.platforms.snowflake.doctor.record import answers_file, read_answers
from intent_platform_tests.snowflake_emulator.answers import Answers

#: The examination without the probes that take minutes.
BRIEF = partial(examination.examine, probes=[probe for probe in examination.PROBES if probe in login.PROBES])
WITH_GRANTS = partial(examination.examine, probes=[p for p in examination.PROBES if p.name == "privileges.missing"])


class TestDoctorJob:
    @pytest.mark.parametrize(("deployment", "count"), [("local", 0), ("dev", 1), ("prod", 1)])
    def test_exists_on_snowflake_only(self, make_settings, deployment, count):
        assert [job.name for job in define_doctor_jobs(make_settings(deployment=deployment))] == [DOCTOR_JOB] * count

    @pytest.fixture
    def doctor_settings(self, emulator, make_settings):
        return make_settings(deployment="dev", snowflake=emulator.connection_parameters)

    def test_shows_the_table_and_writes_the_file(self, doctor_settings, monkeypatch):
        monkeypatch.setattr(examination, "examine", BRIEF)
        [job] = define_doctor_jobs(doctor_settings)
        result = job.execute_in_process()
        [event] = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_OUTPUT]
        shown = event.step_output_data.metadata["answers"]
        assert "| login.region | any region | EMULATED | noted |" in str(shown.value)
        assert read_answers(answers_file(doctor_settings))["login.region"] == "EMULATED"

    def test_fails_with_the_table_if_an_answer_differs(self, doctor_settings, emulator, monkeypatch):
        monkeypatch.setattr(examination, "examine", WITH_GRANTS)
        monkeypatch.setattr(emulator, "answers", Answers({"privileges.missing": ["USAGE ON DATABASE"]}))
        [job] = define_doctor_jobs(doctor_settings)
        result = job.execute_in_process(raise_on_error=False)
        [failure] = [event for event in result.all_events if event.is_step_failure]
        failed = failure.step_failure_data.user_failure_data
        assert failed is not None
        assert str(failed.description).startswith("1 of 1 answers of the account differ")
        assert "USAGE ON DATABASE" in str(failed.metadata["answers"].value)
