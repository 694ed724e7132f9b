"""Rehearsals: the real schedules and sensors on a simulated clock, and the story of what the platform did."""
