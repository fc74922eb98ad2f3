"""Generation of text: filters of the next-token distribution, the draw, and the end of a sample."""
