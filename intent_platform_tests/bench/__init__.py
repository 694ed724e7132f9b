"""The benchmarks, small: what the documents claim at length is asserted in short."""
