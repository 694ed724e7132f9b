"""The `simulated` feed: sessions of any day, drawn from figures fitted to the UCI file. No real row is in it.

`feed` is the port's implementation, `seasons` says how much a day brings, `visitors` who comes, `sessions` what
they do, `scenarios` what goes wrong. The figures are `figures.json`; `bench/simulator.py fit` makes them.
"""
