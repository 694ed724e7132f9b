"""The checks of what `monitoring` measured: whether a measure is flagged on the newest day of the run."""

from intent_platform.pipeline.checks.check import Check, CheckContext, Severity, Verdict
from intent_platform.pipeline.counts import newest_day
from intent_platform.pipeline.monitoring import CALIBRATION, DRIFT, OVER_PREVIOUS, ROC_AUC, flagged
from intent_platform.tables import MONITORING


def _flag_check(name: str, metric: str, severity: Severity, description: str) -> Check:
    def judge(context: CheckContext) -> Verdict:
        with context.platform.warehouse.connect() as connection:
            day = newest_day(connection, MONITORING, context.window)
            sentences = [] if day is None else list(flagged(connection, day, metric).values())
        return Verdict(
            passed=not sentences,
            severity=severity,
            description=f"{day}: {'; '.join(sentences)}" if sentences else None,
        )

    return Check("monitoring", name, f"{description} On the newest day of the run.", judge)


CHECKS = (
    _flag_check("features_are_as_trained", DRIFT, "warning", "Sessions are like those the champion was trained on."),
    _flag_check(
        "scores_are_calibrated", CALIBRATION, "warning", "As many sessions are purchases as the scores expect."
    ),
    _flag_check("ranking_holds", ROC_AUC, "error", "Scores rank about as well as they did out of fold."),
    _flag_check("promotion_was_right", OVER_PREVIOUS, "error", "The champion is not worse than the one it replaced."),
)
