"""How well a model predicts a text, in the figures that people compare."""
