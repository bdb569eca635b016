"""The algorithm: start, teacher, shard task, refine, validation, coordinator; no word of Ray."""
