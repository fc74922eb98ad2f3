"""sentencepiece's trainer as a program: options as JSON in the argument, sentences on stdin, the model on stdout.

It is run as a file, so that it does not load charlm and torch.
"""

import io
import json
import signal
import sys
from typing import Any


def train(options: dict[str, Any], text: str) -> bytes:
    """Return the model of the sentences in `text`, one on each line. A failure raises an error or ends the process."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text.split("\n")), model_writer=model, **options)
    return model.getvalue()


def main() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would wait for the trainer to return
    sys.stdout.buffer.write(train(json.loads(sys.argv[1]), sys.stdin.buffer.read().decode()))


if __name__ == "__main__":
    main()
