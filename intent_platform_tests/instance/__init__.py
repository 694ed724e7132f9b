"""Dagster's home and store, as commands prepare and open them."""
