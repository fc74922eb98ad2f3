"""Counting and look-ups in C. `compiled` and `look_up` call them; without a C compiler they use numpy, which is slower."""
