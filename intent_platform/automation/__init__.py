"""What runs when: jobs, schedules, sensors for facts outside of Dagster, alerts, and the rollback job."""

#: How long a sensor waits for a warehouse that a run holds. It gives up soon, because its next tick comes soon.
SENSOR_TIMEOUT_SECONDS = 2.0
