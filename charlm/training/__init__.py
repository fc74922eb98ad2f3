"""A corpus becomes a model: prepared, planned, followed step by step, kept."""
