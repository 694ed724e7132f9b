"""The `simulated` feed: sessions of any day, drawn from figures that were fitted to the UCI file.

Neither the figures nor the sessions contain a real row.

- `feed` implements the port.
- `seasons` gives the number of sessions of a day.
- `visitors` gives the visitors of a day.
- `sessions` draws what the visitors do.
- `scenarios` changes the shop or breaks the feed.
- `figures` loads `figures.json`, which `python -m bench.simulator fit` writes.
"""
