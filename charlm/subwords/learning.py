"""Pieces learned from a sample, by sentencepiece's trainer in a process of its own.

A check that fails in its C++ ends the process it runs in, and here that is not ours.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from charlm.errors import CorpusError
from charlm.subwords import child, model_file
from charlm.subwords.pieces import Piece
from charlm.subwords.stretches import LONGEST, WITHHELD, parts

_FIXED = 3 + 256  # control symbols and bytes
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
    stretches = (part for text in texts for some in parts([text]) for part in some if part not in WITHHELD)
    return "\n".join(stretches).replace("<0x", "<\n0x")  # a piece `<0x41>` would be there twice: it is the byte's name


def learn(model_type: str, most: int, text: str) -> list[Piece]:
    """The bytes, and at most `most` pieces of sentences. Raises CorpusError where the trainer fails or dies."""
    if not text:
        return list(range(256))
    return model_file.read(train({"model_type": model_type, "vocab_size": _FIXED + most, **_OPTIONS}, text)).pieces


def train(options: dict[str, Any], text: str) -> bytes:
    """What `child.train` returns, in a process of its own, which ends with this one's call of it."""
    # -P: what lies beside the program is no library.
    command = [sys.executable, "-P", child.__file__, json.dumps(options)]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True)
    except OSError as error:
        raise CorpusError(f"sentencepiece cannot be started: {error.strerror or error}") from None
    if done.returncode:
        raise CorpusError(
            f"sentencepiece found no subwords in this text ({_reason(done)}); try another --vocab-size or --model-type,"
            " or another --tokenizer"
        )
    return done.stdout


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """What it said last, or the signal that ended it."""
    if done.returncode < 0:
        return f"it was ended by signal {-done.returncode}"
    said = done.stderr.decode(errors="replace").split("\n")
    last = next((line for line in reversed(said) if line.strip()), f"exit code {done.returncode}")
    return "".join(filter(str.isprintable, last))[:200]
