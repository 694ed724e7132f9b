"""Clocks and sensors, ticked against real instances."""
