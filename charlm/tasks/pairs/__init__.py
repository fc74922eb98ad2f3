"""The inside of the task `pair`: a network reads a source, and then predicts its target, token by token."""
