"""The inside of the task `classify`: labeled texts become batches, a network gives each text a label."""
