"""Comparing what training on distilled data gives with everything a user would do instead."""
