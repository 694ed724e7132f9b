"""Announcements for the people on call: in Dagster's log, and to the webhook when one is configured.

A run that failed, and a run that succeeded while an asset check found an error.
"""

import json
from logging import Logger
from urllib.request import Request, urlopen

import dagster as dg

from intent_platform.settings import Settings

_WEBHOOK_TIMEOUT_SECONDS = 10


def announce(settings: Settings, log: Logger, text: str) -> None:
    """Say `text`. A webhook that does not answer fails the tick, so that it is seen."""
    log.error(text)
    if settings.alerts.webhook_url:
        body = json.dumps({"text": text}).encode()
        request = Request(  # noqa: S310  the address is the operator's own
            settings.alerts.webhook_url, data=body, headers={"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=_WEBHOOK_TIMEOUT_SECONDS):  # noqa: S310
            pass


def failure_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Edge-triggered by runs that fail."""

    @dg.run_failure_sensor(
        name="failure_sensor",
        default_status=status,
        description="A run failed: say so in the log, and to the webhook if one is configured.",
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        text = f"{run.job_name} failed (run {run.run_id}, {settings.deployment}): {failure_sentence(context)}"
        announce(settings, context.log, text)

    return failure_sensor


def failure_sentence(context: dg.RunFailureSensorContext) -> str:
    """The innermost error of the failed step: the sentence written for the reader who has to act."""
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message.strip()
    return context.failure_event.message or "no message"


def check_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Edge-triggered by runs that succeed; a warning of a check is in the UI and not announced."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="check_sensor",
        default_status=status,
        description="A check of a run found an error: say so in the log, and to the webhook if one is configured.",
    )
    def check_sensor(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        for check in failed_checks(context.instance, run.run_id):
            what = f"{check.asset_key.to_user_string()}: {check.check_name}"
            said = f": {check.description}" if check.description else ""
            announce(settings, context.log, f"{what} failed (run {run.run_id}, {settings.deployment}){said}")

    return check_sensor


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetCheckEvaluation]:
    """The checks of a run that did not pass and are errors, not warnings."""
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
