"""The algorithm: objective, shard task, coordinator. Nothing here knows of Ray."""
