"""sentencepiece behind a safe interface.

    chunks           the parts of a text that sentencepiece may see
    sample_corpus    the part of a corpus that pieces are learned from
    trainer          learns pieces, in a process of its own (trainer_process)
    pieces           checks pieces from a file
    model_file       reads and writes sentencepiece's file format

sentencepiece sees no text that it would change. Its trainer may crash without harm, and it loads only model files that
were written here.
"""
