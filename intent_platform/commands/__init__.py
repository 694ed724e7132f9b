"""One module for each command, with the same name.

The first line of a module is the text of its command in `--help`. `options(parser)` declares the options, and `run`
takes them as keywords. Commands make no decisions. Everything that they do can also be done in the UI.
"""
