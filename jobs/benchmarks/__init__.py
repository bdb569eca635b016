"""Fair timings of the parts that cost most, for ``jobs/benchmark.py``."""
