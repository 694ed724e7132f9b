"""The doctor job: it asks the Snowflake account what `make doctor` asks, and shows the table in the UI.

It exists for the deployments on Snowflake only. `platforms.snowflake.doctor` asks.
"""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.presentation import markdown_table
from intent_platform.settings import Settings

DOCTOR_JOB = "doctor_job"
_HEADER = ("probe", "the platform assumes", "this account", "verdict")


class DoctorConfig(dg.Config):
    """Whether slow questions are asked too: how long the locks of a vanished client stay."""

    full: bool = False


def define_doctor_jobs(settings: Settings) -> Sequence[dg.JobDefinition]:
    """Return the job, or nothing on the local platform."""
    if settings.deployment == "local":
        return []

    @dg.op(out=dg.Out(dg.Nothing))
    @fails_with_its_message
    def ask_the_account(context: dg.OpExecutionContext, config: DoctorConfig) -> None:
        """Ask the account in a scratch schema. An answer that would break the platform fails the run."""
        from intent_platform.platforms.snowflake.doctor.examination import examine
        from intent_platform.platforms.snowflake.doctor.record import answers_file, write_answers

        examination = examine(settings, full=config.full)
        write_answers(examination, answers_file(settings))
        table = markdown_table(_HEADER, (finding.row for finding in examination.findings))
        if examination.differences:
            raise dg.Failure(examination.summary, metadata={"answers": table}, allow_retries=False)
        context.add_output_metadata({"answers": table})

    @dg.job(
        name=DOCTOR_JOB,
        description=(
            "Ask the Snowflake account whether all that the platform assumes is true there. The table is in the "
            "metadata of the run. Everything is tried in a scratch schema, which is dropped at the end."
        ),
    )
    def doctor_job() -> None:
        ask_the_account()

    return [doctor_job]
