"""Distil spatio-temporal data sets on Ray (STemDist, arXiv:2603.10410)."""
