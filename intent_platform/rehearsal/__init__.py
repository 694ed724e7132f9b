"""A rehearsal of the past: real schedules and sensors on a clock that is set, and the story of what they did."""
