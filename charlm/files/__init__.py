"""Files on disk, without knowledge of models: atomic writes, tensors, word2vec text, tables, and encodings of text."""
