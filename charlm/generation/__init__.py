"""New text from a model: what may be drawn, the draw, where it ends."""
