"""How fast n-grams are counted, and whether their left-out figures are those of text that was not counted.

    python benchmarks/counts.py CORPUS ...

Each corpus is split as `charlm train` splits it, and counted with the settings that charlm chooses, in a process of its
own. Seconds are those of the processor, summed over the cores. "peak" is the memory that the process takes in addition
to the encoded text. "left out" is the mean over the counted part in counts without each token (lines) or without its
block (running text); guesses are the likeliest tokens by counts without the block. "held out" is the mean over the part
that was not counted. "one in ten" leaves out tenths of the whole text, and has the mean over all tenths and the last
tenth, which is what is held out of a running text: it shows how far the tenths of a text differ.

    charlm corpus get names tinyshakespeare
    charlm corpus stdlib > stdlib.txt
    python benchmarks/counts.py names.txt tinyshakespeare.txt stdlib.txt corpora/cats.txt
"""

import json
import math
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.counts import Counts, choose, count
from charlm.counts.file import to_bytes
from charlm.data.sequences import encode_sequences
from charlm.tasks.text.preparation import prepare

SECONDS = 15.0  # that may be spent on counting
HEAD = ("text", "tokens", "order", "cuts", "CPU s to count", "CPU s with left out and guesses", "peak MB", "stored MB")
BITS = ("held out, all n-grams", "held out, stored", "left out", "left out less held out", "one in ten: all, last")
SPEED = ("look-ups/s", "distributions/s")


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(sys.argv[2])))
        return
    columns = HEAD + BITS + SPEED
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for corpus in sys.argv[1:]:
        command = [sys.executable, __file__, "--measure", corpus]
        row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print("| " + " | ".join(row[column] for column in columns) + " |", flush=True)


def measured(corpus: str) -> dict[str, str]:
    data = prepare(corpus, ModelConfig(), TrainConfig())
    lines = data.mode == TextMode.LINE
    ids, starts, predictable = data.ring.targets, data.ring.starts, data.allowed_tokens
    settings = choose(len(ids), SECONDS)
    before = peak()
    seconds, counts = timed(lambda: Counts.of(ids, starts, predictable, settings))
    together, counted = timed(lambda: count(ids, starts, predictable, settings, left_out_lines=lines, guesses=True))
    after = peak()
    assert counted.left_out is not None
    held_out = [data.tokenizer.sequence(data.tokenizer.encode(text), eos=lines) for text in data.split.valid]
    if not lines:  # the held-out part continues the text
        held_out = [np.concatenate([ids[-settings.order :], *(row[1:] for row in held_out)])]
    skipped = 0 if lines else settings.order
    everything = Counts.of(ids, starts, predictable, replace(settings, limit=0))
    row = np.concatenate(held_out)
    looking, _ = timed(lambda: counts.figures(row))
    contexts = np.lib.stride_tricks.sliding_window_view(row, settings.order)[: 2**20 // len(predictable)]
    drawing, _ = timed(lambda: counts.distributions(contexts))
    held, stored = (bits(each, held_out, skipped) for each in (everything, counts))
    left = -float(counted.left_out.logprobs.mean(dtype=np.float64)) / math.log(2)
    return {
        "text": Path(corpus).name,
        "tokens": f"{len(ids):,}",
        "order": str(settings.order),
        "cuts": " ".join(map(str, counts.cuts)),
        "CPU s to count": f"{seconds:.2f}",
        "CPU s with left out and guesses": f"{together:.2f}",
        "peak MB": f"{after - before:,.0f}",
        "stored MB": f"{len(to_bytes(counts)) / 2**20:.1f}",
        "held out, all n-grams": f"{held:.4f}",
        "held out, stored": f"{stored:.4f}",
        "left out": f"{left:.4f}",
        "left out less held out": f"{left / stored - 1:+.1%}",
        "one in ten: all, last": "" if lines else tenths(data, settings),
        "look-ups/s": f"{len(row) / looking:,.0f}",
        "distributions/s": f"{len(contexts) / drawing:,.0f}",
    }


def tenths(data: Any, settings: Any) -> str:
    whole = [data.tokenizer.encode(text) for text in data.split.valid]
    ids = np.concatenate([*encode_sequences(data.tokenizer, data.split.train, close=False), *whole])
    counted = count(
        ids, np.zeros(1, dtype=np.int64), data.allowed_tokens, replace(settings, blocks=10), left_out_lines=False
    )
    assert counted.left_out is not None
    values = -counted.left_out.logprobs.astype(np.float64) / math.log(2)
    return f"{values.mean():.4f}, {values[len(values) * 9 // 10 :].mean():.4f}"


def bits(counts: Counts, rows: list[Any], skipped: int) -> float:
    values = np.concatenate([each[skipped:] for each in counts.log_probabilities(rows)])
    return -float(values[np.isfinite(values)].mean()) / math.log(2)


def timed(action: Any) -> tuple[float, Any]:
    before = time.process_time()
    result = action()
    return time.process_time() - before, result


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
