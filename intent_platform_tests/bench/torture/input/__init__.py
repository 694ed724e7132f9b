"""The kind input notices what it looks for, and draws the same cases again from the same seed."""
