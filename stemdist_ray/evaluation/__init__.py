"""Training forecasters on a data set and judging them honestly."""
