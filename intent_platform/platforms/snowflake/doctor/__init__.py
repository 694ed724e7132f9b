"""The doctor: it asks an account whether everything that the platform assumes is true there.

`examination` asks, and each other module has the probes of one subject. To add a probe, add it to `PROBES` of a module.
"""
