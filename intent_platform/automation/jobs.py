"""The asset jobs.

All partitioned assets of a job have the same backfill policy. A daily job takes a range of days as one run. A monthly
job takes one run for each month.
"""

import dagster as dg

_SESSIONS = dg.AssetSelection.assets("source", "dataset")
#: Dagster cannot materialize an observed `source`. The job then runs only `dataset`, and the checks of both assets.
SESSIONS_JOB = dg.define_asset_job(
    "sessions_job",
    _SESSIONS.materializable() | dg.AssetSelection.checks_for_assets("source", "dataset"),
    description="Load a day's sessions and compute their features.",
)
TRAINING_JOB = dg.define_asset_job("training_job", ["challenger_model"], description="Train the challenger of a month.")
EVALUATION_JOB = dg.define_asset_job(
    "evaluation_job",
    ["evaluation", "champion_alias"],
    description="Compare a month's challenger with the champion, and promote it if the gate decides so.",
)
PROMOTION_JOB = dg.define_asset_job(
    "promotion_job",
    ["champion_alias"],
    description=(
        "Carry out the newest evaluation. To make a version champion by name instead, set `force` and `reason` in the "
        "config of `champion_alias`."
    ),
)
SCORES_JOB = dg.define_asset_job(
    "scores_job",
    ["scores", "monitoring"],
    description="Score a day's sessions with the champion, and measure ranking, calibration and drift.",
)

ASSET_JOBS = (SESSIONS_JOB, TRAINING_JOB, EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB)
