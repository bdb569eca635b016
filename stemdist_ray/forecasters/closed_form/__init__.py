"""Forecasters fitted in closed form: cheap rivals that every result is shown beside."""
