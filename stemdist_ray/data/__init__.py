"""Series, readers, windows, scaler, simulator."""
