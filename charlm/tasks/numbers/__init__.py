"""The inside of the task `series`: numbers become batches, a network forecasts the next ones with intervals."""
