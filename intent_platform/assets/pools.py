"""Dagster's concurrency pools."""

#: Shared by the assets that write to the warehouse. Its limit of 1 (dagster.yaml) lets one run write at a time.
WRITER_POOL = "warehouse_writer"
