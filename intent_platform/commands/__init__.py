"""What `make` calls: demo, setup, rollback, dev. Each goes through Dagster, into the persistent local instance.

Nothing is decided here; what a command does can also be done from the UI.
"""
