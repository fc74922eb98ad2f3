"""The inside of the task `classify`: labelled texts become batches, a network gives each text a label."""
