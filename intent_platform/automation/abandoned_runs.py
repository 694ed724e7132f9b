"""The sensor that marks abandoned runs as failed while `make dev` runs. `workers` finds them."""

import dagster as dg

from intent_platform.workers import fail_abandoned


def define_abandoned_runs_sensor() -> dg.SensorDefinition:
    """Return the sensor that marks abandoned runs as failed. It always runs, because it requests no run."""

    @dg.sensor(
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Marks an unfinished run as failed when its process was stopped, so the runs behind it can begin.",
    )
    def abandoned_runs_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Level-triggered by unfinished runs whose lock is free."""
        failed = fail_abandoned(context.instance)
        return dg.SkipReason(f"marked as failed: {', '.join(failed)}" if failed else "no run was abandoned")

    return abandoned_runs_sensor
