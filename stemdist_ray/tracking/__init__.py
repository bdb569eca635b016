"""Experiment tracking behind a small protocol."""
