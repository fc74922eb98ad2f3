"""The time loops of the cells in C, fused with their gates: see recurrence.c. `fused` is how cells call them."""
