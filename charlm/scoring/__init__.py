"""Score and evaluate texts: log-probabilities, perplexity, bits per character."""
