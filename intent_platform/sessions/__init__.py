"""Feeds: where sessions come from, and the contract that their rows are held to.

Knows tables and windows; neither Dagster nor any warehouse.
"""
