"""Search compression ratios and settings: many distillations, compared on validation."""
