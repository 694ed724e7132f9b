"""What runs when: jobs, their clocks, the sensors for facts outside Dagster, and the rollback job."""
