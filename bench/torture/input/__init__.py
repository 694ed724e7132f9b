"""Malformed input: landing files, settings, run configs, version names and command lines.

Every case is drawn from a seed. Each answer must be one sentence, nothing may be lost, and good neighbours are loaded.
"""
