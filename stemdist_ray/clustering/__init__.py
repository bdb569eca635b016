"""From locations to clusters and centroid series."""
