"""The session sources, and the contract that their rows must meet.

This package uses tables and windows. It uses neither Dagster nor a warehouse.
"""
