"""The one way a forecaster is trained, in one process or many, and what it is trained on."""
