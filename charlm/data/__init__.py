"""From files to training windows, in this order:

corpus, documents    read files into documents
sequences            cut documents into lines or streams, lazily
split                choose the mode, and hold out the validation text
vocabulary           learn and store a tokenizer
encoding             encode one text, and handle unknown characters
token_store          keep the token ids of a corpus in memory or on disk
entries, cache       folders of files that are mapped into memory
windows              cut the ids into the batches of a run

catalogue, download, stdlib_corpus    texts to try a model on
"""
