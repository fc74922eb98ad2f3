"""What lasts: a model as a folder, a trainer's state, and how both are written so that no crash tears them."""
