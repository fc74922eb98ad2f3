"""Every PyTorch module: cells, embeddings, readouts, the network that joins them, and the compiled loops."""
