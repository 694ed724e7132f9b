"""Tests of what the assets do to the platform."""
