"""What `make` calls, as a user calls it."""
