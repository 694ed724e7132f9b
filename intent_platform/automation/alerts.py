"""Alerts for the people on call: a log entry, and a webhook call if a webhook is configured.

Two events raise an alert: a run fails, or a successful run has a failed check of severity error.
"""

from logging import Logger
from threading import Thread

import dagster as dg
import requests

from intent_platform.assets.failures import MISTYPED
from intent_platform.errors import IntentPlatformError
from intent_platform.loggers import quiet_loggers
from intent_platform.settings import Settings

_DELIVERY_SECONDS = 10.0
_LONGEST_TEXT = 3_000  # characters, because a webhook refuses a text that is too long at every attempt


class AlertNotDelivered(IntentPlatformError, dg.DagsterError):
    """The webhook did not accept an alert. The message does not show its address, which is a secret.

    For any other error, Dagster moves the cursor of a run status sensor past the run, and the alert is lost. A
    `DagsterError` fails the tick, and the next tick sends its alerts again. So an alert can arrive twice.
    """


def announce(settings: Settings, log: Logger, text: str) -> None:
    """Log `text` as an error and send it to the webhook if one is configured.

    Raises:
        AlertNotDelivered: the webhook did not accept the text within 10 seconds.
    """
    log.error(text)
    if settings.alerts.webhook_url is None:
        return
    address = str(settings.alerts.webhook_url.get_secret_value())
    faults: list[str | None] = []
    # A thread, because the timeout of requests starts anew with every byte that arrives.
    delivery = Thread(target=lambda: faults.append(_fault_of_delivery(address, text[:_LONGEST_TEXT])), daemon=True)
    delivery.start()
    delivery.join(_DELIVERY_SECONDS)
    fault = faults[0] if faults else f"did not answer within {_DELIVERY_SECONDS:g} seconds"
    if fault is not None:
        raise AlertNotDelivered(
            f"the alert was not delivered: the webhook of alerts.webhook_url {fault}. The next tick sends it again. "
            "Check that the setting is the final address of the webhook and that this machine can reach it"
        )


def _fault_of_delivery(address: str, text: str) -> str | None:
    """Send the text. Return what is wrong with the webhook, or None if it accepted the text."""
    try:
        with quiet_loggers("urllib3"):  # it logs the path, which is secret
            # A redirect is not followed, because it may turn the POST into a GET without the text.
            answer = requests.post(address, json={"text": text}, timeout=_DELIVERY_SECONDS, allow_redirects=False)
    except (requests.RequestException, OSError, ValueError) as error:
        return f"cannot be reached ({type(error).__name__})"
    return None if 200 <= answer.status_code < 300 else f"answered with the status {answer.status_code}"


def define_failure_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Return the sensor that sends an alert for each failed run, unless it failed for a mistyped run config.

    Edge-triggered. Whoever typed the config sees the message in the UI or in the terminal.
    """

    @dg.run_failure_sensor(
        default_status=status,
        description=(
            "Send an alert for each failed run: a log entry, and a webhook call if one is configured. "
            "A run that failed for a mistyped run config sends none."
        ),
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if "ops" in run.run_config and _is_mistyped(context):
            context.log.info(f"{run.job_name} failed for its config (run {run.run_id}): {failure_sentence(context)}")
            return
        text = f"{run.job_name} failed (run {run.run_id}, {settings.deployment}): {failure_sentence(context)}"
        announce(settings, context.log, text)

    return failure_sensor


def _is_mistyped(context: dg.RunFailureSensorContext) -> bool:
    """Whether every failed step failed for what a person typed."""
    failures = [event.step_failure_data.user_failure_data for event in context.get_step_failure_events()]
    mistyped = dg.MetadataValue.bool(True)
    return bool(failures) and all(f is not None and f.metadata.get(MISTYPED) == mistyped for f in failures)


def failure_sentence(context: dg.RunFailureSensorContext) -> str:
    """Return the message of the failed step: the platform's own, or that of the innermost error."""
    for event in context.get_step_failure_events():
        failure, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
        if failure is not None and failure.description:
            return str(failure.description)
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
