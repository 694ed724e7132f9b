"""Builders of test data: sessions, files, scores, an observed table, and the sensors that look at them."""
