"""What each asset does to the platform, without Dagster: one module for each step from sessions to scores.

Assets wrap these functions for Dagster, stored procedures for Snowflake; the rules of statistics are in `modelling`.
"""
