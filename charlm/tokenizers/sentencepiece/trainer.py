"""Pieces learned from a sample, by sentencepiece's trainer in a process of its own.

A check that fails in its C++ ends the process it runs in, and here that is not ours.
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
from charlm.interrupts import Interrupts
from charlm.tokenizers.sentencepiece import model_file, trainer_process
from charlm.tokenizers.sentencepiece.chunks import LONGEST, WITHHELD, split_chunks
from charlm.tokenizers.sentencepiece.pieces import Piece, complete

Wait = Callable[[float], None]  # called at once and every second, with the seconds so far

_FIXED = 3 + 256  # control symbols and bytes
_EVERY = 1.0  # seconds
_OPTIONS = {
    # Nothing of the text is changed, and all its characters have a piece.
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "character_coverage": 1.0,
    "byte_fallback": True,
    "max_sentence_length": 4 * LONGEST,  # bytes
    "allow_whitespace_only_pieces": True,  # a run of spaces, as indents are, may be one
    # Control symbols by names that no text has, which is given to it.
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,
    "unk_piece": "\1",
    "bos_piece": "\2",
    "eos_piece": "\3",
    # What does not fit is told in our words; the same text makes the same pieces.
    "hard_vocab_limit": False,
    "num_threads": 1,
    "shuffle_input_sentence": False,
    "minloglevel": 2,
}


def sentences(texts: Iterable[str]) -> str:
    """What the trainer may see of them, a sentence on each line."""
    stretches = (part for text in texts for some in split_chunks([text]) for part in some if part not in WITHHELD)
    return "\n".join(stretches)


def train_pieces(model_type: str, most: int, text: str, wait: Wait) -> list[Piece]:
    """The bytes, the space, and at most so many other pieces. Raises CorpusError where the trainer fails or dies."""
    if not text:
        return complete([])
    size = _FIXED + (" " in text) + most
    return model_file.read(run_trainer({"model_type": model_type, "vocab_size": size, **_OPTIONS}, text, wait)).pieces


def run_trainer(options: dict[str, Any], text: str, wait: Wait = lambda seconds: None) -> bytes:
    """What `trainer_process.train` returns, in a process of its own, which ends where this one is interrupted."""
    # -P: what lies beside the program is no library.
    command = [sys.executable, "-P", trainer_process.__file__, json.dumps(options)]
    with Interrupts() as interrupts, ExitStack() as stack:
        with interrupts.held():  # a process that is not known yet could not be ended
            try:
                process = stack.enter_context(Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE))
            except OSError as error:
                raise CorpusError(f"sentencepiece cannot be started: {error.strerror or error}") from None
            stack.callback(process.kill)
        begun, stdin = time.monotonic(), process.stdin
        process.stdin = None  # communicate does not go on writing after a timeout
        Thread(target=_hand_over, args=(stdin, text.encode()), daemon=True).start()
        while process.returncode is None:
            wait(time.monotonic() - begun)
            with suppress(TimeoutExpired):
                model, said = process.communicate(timeout=_EVERY)
    if process.returncode:
        raise CorpusError(
            f"sentencepiece found no subwords in this text ({_reason(process.returncode, said)}); try another"
            " --vocab-size or --model-type, or another --tokenizer"
        )
    return model


def _hand_over(stream: BinaryIO, data: bytes) -> None:
    with suppress(OSError), stream:  # of a process that has ended
        stream.write(data)


def _reason(code: int, said: bytes) -> str:
    """What it said last, or the signal that ended it."""
    if code < 0:
        return f"it was ended by signal {-code}"
    lines = said.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
    return "".join(filter(str.isprintable, last))[:200]
