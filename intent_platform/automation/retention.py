"""The retention job: it deletes raw sessions that are older than `retention.raw_days`. `pipeline.expiry` does the work.

Nothing asks for a run that was missed or failed, because the next one deletes everything that is too old.
"""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.pipeline.expiry import delete_expired
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

RETENTION_JOB = "retention_job"


def define_retention_jobs(settings: Settings, source: Feed | ObservedTable) -> Sequence[dg.JobDefinition]:
    """Return the job, or nothing if raw sessions are kept for ever."""
    raw_days = settings.retention.raw_days
    if raw_days is None:
        return []

    @dg.op(pool=WRITER_POOL, out=dg.Out(dg.Nothing))
    @fails_with_its_message
    def delete_raw_sessions(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
        """Delete the raw sessions of all days that are too old, and record how many."""
        expired = delete_expired(platform, source, raw_days, settings.landing_folder, run_id=context.run_id)
        context.log.info(expired.sentence)
        context.add_output_metadata(
            {
                "kept_from": expired.kept_from.isoformat(),
                **{f"rows_deleted_from_{table.lower()}": rows for table, rows in expired.rows.items()},
                "files_deleted": len(expired.files),
                "files": ", ".join(expired.files) or "none",
                "copies_deleted": ", ".join(expired.copies) or "none",
            }
        )

    @dg.job(
        name=RETENTION_JOB,
        description=(
            f"Delete raw sessions that are older than {raw_days} days: rows of SOURCE and SOURCE_REJECTED, accepted "
            "files, and old copies in the home. Features, scores and versions stay."
        ),
    )
    def retention_job() -> None:
        delete_raw_sessions()

    return [retention_job]
