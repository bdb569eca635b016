"""Training one forecaster for use, on full or distilled data, by any number of workers."""
