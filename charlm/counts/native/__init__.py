"""Counting and look-ups in C. `counter` and `tree` call them; without a C compiler they use numpy, which is slower."""
