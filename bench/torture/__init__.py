"""Torture of a home: kills, processes at once, malformed input and secrets. docs/reliability.md has the results.

`python -m bench.torture` runs the trials. `kinds` lists their kinds, and `trials` says what a trial is.
"""
