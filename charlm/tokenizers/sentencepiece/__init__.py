"""sentencepiece, kept at a distance: it sees no text that it would change, trains in a process of its own, and reads
no file that was not taken apart and put together again here.
"""
