"""The inside of the task `tag`: sentences become batches, a network gives each token of a sentence a tag."""
