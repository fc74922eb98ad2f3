"""What a person sees while a command works, and text with colors in a terminal."""
