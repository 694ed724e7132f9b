"""One module a command, named like it: its first line for `--help`, its `options(parser)`, and what it does in `run`.

`run` takes the options as keywords. Nothing is decided here; what a command does can also be done from the UI.
"""
