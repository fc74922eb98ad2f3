"""sentencepiece's trainer as a program: options (JSON) in the one argument, sentences on stdin, the model on stdout.

It is started as a file, so that charlm and torch are not loaded for it.
"""

import io
import json
import signal
import sys
from typing import Any


def train(options: dict[str, Any], text: str) -> bytes:
    """The model of sentences, one on each line. What goes wrong is raised, or ends the process."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text.split("\n")), model_writer=model, **options)
    return model.getvalue()


def main() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own answer would wait for the trainer to return
    sys.stdout.buffer.write(train(json.loads(sys.argv[1]), sys.stdin.buffer.read().decode()))


if __name__ == "__main__":
    main()
