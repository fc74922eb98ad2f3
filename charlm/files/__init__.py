"""Files on disk, without knowledge of models: atomic writes, tensors, and word2vec text."""
