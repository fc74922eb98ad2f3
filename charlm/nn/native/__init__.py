"""The time loops of the cells in C, with the gates fused into the loop (recurrence.c). Cells call them by `fused`."""
