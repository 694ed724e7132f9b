"""Alerts for the people on call: a log entry, and a webhook call if a webhook is configured.

Two events raise an alert: a run fails, or a successful run has a failed check of severity error.
"""

import json
from logging import Logger
from urllib.request import Request, urlopen

import dagster as dg

from intent_platform.settings import Settings

_WEBHOOK_TIMEOUT_SECONDS = 10


def announce(settings: Settings, log: Logger, text: str) -> None:
    """Log `text` as an error and send it to the webhook if one is configured.

    A failed webhook call fails the sensor's tick. The UI then shows the problem.

    Raises:
        OSError: the webhook does not answer within 10 seconds, or answers with an error.
    """
    log.error(text)
    if settings.alerts.webhook_url:
        body = json.dumps({"text": text}).encode()
        request = Request(  # noqa: S310  the operator sets the address
            settings.alerts.webhook_url, data=body, headers={"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=_WEBHOOK_TIMEOUT_SECONDS):  # noqa: S310
            pass


def define_failure_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Return the sensor that sends an alert for each failed run. Edge-triggered."""

    @dg.run_failure_sensor(
        default_status=status,
        description="Send an alert for each failed run: a log entry, and a webhook call if one is configured.",
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        text = f"{run.job_name} failed (run {run.run_id}, {settings.deployment}): {failure_sentence(context)}"
        announce(settings, context.log, text)

    return failure_sensor


def failure_sentence(context: dg.RunFailureSensorContext) -> str:
    """Return the message of the innermost error of the failed step.

    Dagster wraps the errors of a step. The innermost one is the platform's own, which says what to do next.
    """
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message.strip()
    return context.failure_event.message or "Dagster recorded no message, see the log of the run"


def define_check_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Return the sensor that sends an alert for each failed check of a successful run. Edge-triggered.

    Only checks of severity error raise an alert. The UI shows the warnings.
    """

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=status,
        description=(
            "Send an alert for each failed check of severity error: a log entry, and a webhook call if one is "
            "configured."
        ),
    )
    def check_sensor(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        for check in failed_checks(context.instance, run.run_id):
            subject = f"{check.asset_key.to_user_string()}: {check.check_name}"
            finding = f": {check.description}" if check.description else ""
            announce(settings, context.log, f"{subject} failed (run {run.run_id}, {settings.deployment}){finding}")

    return check_sensor


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetCheckEvaluation]:
    """Return the failed checks of a run, without those of severity warning."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [
        record.event_log_entry.dagster_event.asset_check_evaluation_data
        for record in records
        if record.event_log_entry.dagster_event is not None
    ]
    return [
        evaluation
        for evaluation in evaluations
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    ]
