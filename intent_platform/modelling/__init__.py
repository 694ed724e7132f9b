"""The pure core: training, measuring and judging models. Frames and numbers in, frames and numbers out.

No Dagster, no database, no registry and no clock in this room; what is heavy is imported where it is used.
"""
