"""The pure core: training, metrics, the promotion decision, explanation and drift.

Functions take Arrow tables and NumPy arrays, and return values. None of them uses Dagster, a database, a registry or
the current date. Functions import heavy libraries where they use them.
"""
