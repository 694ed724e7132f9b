"""The asset graph, materialized for real on temporary platforms."""
