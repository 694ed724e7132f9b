"""The asset jobs. One backfill policy per job: daily ones take a range as one run, monthly ones a month a run."""

import dagster as dg

_SESSIONS = dg.AssetSelection.assets("source", "dataset")
#: An observed `source` cannot be materialized: then the job is `dataset`, and the checks of both.
SESSIONS_JOB = dg.define_asset_job(
    "sessions_job",
    _SESSIONS.materializable() | dg.AssetSelection.checks_for_assets("source", "dataset"),
    description="Load a day's sessions and compute their features.",
)
TRAINING_JOB = dg.define_asset_job("training_job", ["challenger_model"], description="Train the challenger of a month.")
EVALUATION_JOB = dg.define_asset_job(
    "evaluation_job",
    ["evaluation", "champion_alias"],
    description="Let a month's challenger meet the champion, and move the champion if the challenger won.",
)
PROMOTION_JOB = dg.define_asset_job(
    "promotion_job",
    ["champion_alias"],
    description="Carry out the newest evaluation, or (config `force` and `reason`) make a version champion by name.",
)
SCORES_JOB = dg.define_asset_job(
    "scores_job",
    ["scores", "monitoring"],
    description="Score a day's sessions with the champion, and measure what became of the scores.",
)

ASSET_JOBS = (SESSIONS_JOB, TRAINING_JOB, EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB)
