"""Scores only: forecast errors, and forecasting a split within a memory budget."""
