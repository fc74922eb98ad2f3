"""Counting and look-ups in C, which `compiled` and `look_up` call. Without a C compiler, they use numpy."""
