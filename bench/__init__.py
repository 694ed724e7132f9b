"""Benchmarks whose results are in docs/. `make bench` runs them, and the product imports nothing from here."""
