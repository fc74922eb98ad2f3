"""The inside of the task `language`: texts become training windows of tokens."""
