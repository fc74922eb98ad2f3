"""Characters, bytes, words, and subwords on one corpus, for equal minutes each.

    python benchmarks/tokenizers.py CORPUS MINUTES [TOKENIZER ...]

Each tokenizer is trained by `charlm train CORPUS --tokenizer TOKENIZER --minutes MINUTES` in a process of its own,
one after the other. The table shows the evaluation of the held-out text, which is the same for all. Perplexities of
different tokens are not comparable; bits per character are. Let nothing else run meanwhile.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.config import ModelConfig, TrainConfig
from charlm.registry import names
from charlm.tasks.text.preparation import prepare


def main() -> None:
    corpus, minutes, *kinds = sys.argv[1:]
    parts = prepare(corpus, ModelConfig(), TrainConfig(), None).split
    lines = parts.mode == "line"
    held_out = ["".join(f"{line}\n" for line in parts.valid)] if lines else list(parts.valid)
    print(f"{Path(corpus).name}: {parts.train.characters:,} characters for training, {minutes} minutes")
    heads = ("tokenizer", "V", "characters/token", "network", "parameters", "steps", "bits/char", "bits/byte")
    print(f"| {' | '.join(heads)} | perplexity/token |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for kind in kinds or names("tokenizers"):
        print(row(corpus, minutes, kind, held_out), flush=True)


def row(corpus: str, minutes: str, kind: str, held_out: list[str]) -> str:
    with tempfile.TemporaryDirectory() as parent:
        folder = str(Path(parent) / "m")
        command = ["charlm", "train", corpus, "--tokenizer", kind, "--minutes", minutes, "--model", folder, "--quiet"]
        done = subprocess.run([sys.executable, "-m", *command, "--json"], capture_output=True, text=True, check=True)
        info, model = describe(Path(folder)), charlm.load(folder)
        assert json.loads(done.stdout)["steps"] == info["steps"]
        evaluations = model.evaluate_many(held_out)
    total = evaluations[0].total(evaluations)
    shape, bits = info["config"], total.bits_per_char
    # If characters are unknown, the bits are those of the known ones, and bytes have none.
    shown = f"{bits:.4f}" if bits is not None else f"{total.bits_per_char_known:.4f} ({total.unknown:,} unknown)"
    per_byte = "–" if total.bits_per_byte is None else f"{total.bits_per_byte:.4f}"
    return (
        f"| {kind} | {info['vocabulary_size']:,} | {total.characters / total.tokens:.2f} |"
        f" {shape['layers']} × {shape['hidden_size']} {shape['cell']} | {info['parameters']:,} | {info['steps']:,} |"
        f" {shown} | {per_byte} | {total.perplexity:.2f} |"
    )


if __name__ == "__main__":
    main()
