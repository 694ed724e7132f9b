"""What each asset does to the platform, without Dagster: one module for each step from sessions to scores.

`assets` wraps these functions for Dagster, and `procedures` wraps them for Snowflake. Every statement is here or in
`platforms`. The statistics are in `modelling`.
"""
