"""Learn pieces with sentencepiece's trainer in a process of its own.

A failed check in the trainer's C++ code ends its process; charlm's process survives and reports an error.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from subprocess import PIPE, Popen, TimeoutExpired
from threading import Thread
from typing import Any, BinaryIO

from charlm.errors import CorpusError
from charlm.files.reading import reason
from charlm.interrupts import Interrupts
from charlm.progress import ignore
from charlm.tokenizers.sentencepiece import model_file, trainer_process
from charlm.tokenizers.sentencepiece.chunks import LONGEST, WITHHELD, split_chunks
from charlm.tokenizers.sentencepiece.pieces import Piece, complete

OnWait = Callable[[float], None]  # called at once and every second, with the seconds since the start

_FIXED = 3 + 256  # control tokens and bytes
_EVERY = 1.0  # seconds
_OPTIONS = {
    # Do not change the text, and give every character a piece.
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "character_coverage": 1.0,
    "byte_fallback": True,
    "max_sentence_length": 4 * LONGEST,  # bytes
    "allow_whitespace_only_pieces": True,  # a run of spaces may be a piece, for indentation
    # Name the control tokens by characters that the trainer never sees in a text.
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,
    "unk_piece": "\1",
    "bos_piece": "\2",
    "eos_piece": "\3",
    # charlm checks the size itself, and the same text must give the same pieces.
    "hard_vocab_limit": False,
    "num_threads": 1,
    "shuffle_input_sentence": False,
    "minloglevel": 2,
}


def sentences(texts: Iterable[str]) -> str:
    """Return the chunks of the texts that the trainer may see, one on each line."""
    chunks = (part for text in texts for parts in split_chunks([text]) for part in parts if part not in WITHHELD)
    return "\n".join(chunks)


def train_pieces(model_type: str, max_pieces: int, text: str, on_wait: OnWait) -> list[Piece]:
    """Return the bytes, the space, and at most `max_pieces` other pieces. Raises CorpusError if the trainer fails."""
    if not text:
        return complete([])
    size = _FIXED + (" " in text) + max_pieces
    options = {"model_type": model_type, "vocab_size": size, **_OPTIONS}
    return model_file.read(run_trainer(options, text, on_wait)).pieces


def run_trainer(options: dict[str, Any], text: str, on_wait: OnWait = ignore) -> bytes:
    """Run `trainer_process.train` in a process of its own, which ends if this one is interrupted.

    Raises CorpusError with the trainer's last message, or the signal that ended it.
    """
    # -P keeps the files next to the program from being imported as libraries.
    command = [sys.executable, "-P", trainer_process.__file__, json.dumps(options)]
    with Interrupts() as interrupts, ExitStack() as stack:
        with interrupts.held():  # an interrupt here would leave the process running
            try:
                process = stack.enter_context(Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE))
            except OSError as error:
                raise CorpusError(f"sentencepiece cannot be started: {reason(error)}") from None
            stack.callback(process.kill)
        begun, stdin = time.monotonic(), process.stdin
        process.stdin = None  # communicate would not continue to write after a timeout
        Thread(target=_hand_over, args=(stdin, text.encode()), daemon=True).start()
        while process.returncode is None:
            on_wait(time.monotonic() - begun)
            with suppress(TimeoutExpired):
                model, stderr = process.communicate(timeout=_EVERY)
    if process.returncode:
        raise CorpusError(
            f"sentencepiece found no subwords in this text ({_failure(process.returncode, stderr)})",
            remedy="other_tokenizer",
        )
    return model


def _hand_over(stream: BinaryIO, data: bytes) -> None:
    with suppress(OSError), stream:  # the process may have ended
        stream.write(data)


def _failure(code: int, stderr: bytes) -> str:
    """Return the trainer's last message, or the signal that ended it."""
    if code < 0:
        return f"it was ended by signal {-code}"
    lines = stderr.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
    return "".join(filter(str.isprintable, last))[:200]
