"""Characters, bytes, words and subwords on one corpus, for the same minutes each: what is to be had from which.

    python benchmarks/tokenizers.py CORPUS MINUTES [TOKENIZER ...]

It trains by `charlm train CORPUS --tokenizer TOKENIZER --minutes MINUTES` in a process of its own, one after the other,
and prints what `evaluate` says of the held-out text, which is the same for all. Perplexities of different tokens do not
compare, bits per character do. Nothing else should run meanwhile.
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
from charlm.tasks.language import prepare


def main() -> None:
    corpus, minutes, *kinds = sys.argv[1:]
    parts = prepare(corpus, ModelConfig(), TrainConfig(), None).parts
    lines = parts.sequence == "line"
    held_out = ["".join(f"{line}\n" for line in parts.valid)] if lines else list(parts.valid)
    print(f"{Path(corpus).name}: {parts.train.characters:,} characters to learn, {minutes} minutes")
    heads = ("tokenizer", "V", "characters/token", "network", "parameters", "steps", "bits/char", "bits/byte")
    print(f"| {' | '.join(heads)} | perplexity/token |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for kind in kinds or names("tokenizers"):
        print(row(corpus, minutes, kind, held_out), flush=True)


def row(corpus: str, minutes: str, kind: str, held_out: list[str]) -> str:
    with tempfile.TemporaryDirectory() as place:
        folder = str(Path(place) / "m")
        command = ["charlm", "train", corpus, "--tokenizer", kind, "--minutes", minutes, "--model", folder, "--quiet"]
        done = subprocess.run([sys.executable, "-m", *command, "--json"], capture_output=True, text=True, check=True)
        told, model = describe(Path(folder)), charlm.load(folder)
        assert json.loads(done.stdout)["steps"] == told["steps"]
        found = model.evaluate_many(held_out)
    total = found[0].total(found)
    shape, bits = told["config"], total.bits_per_char
    # With what the vocabulary does not have, the bits are of the rest, and bytes have none.
    shown = f"{bits:.4f}" if bits is not None else f"{total.bits_per_char_known:.4f} ({total.unknown:,} unknown)"
    per_byte = "–" if total.bits_per_byte is None else f"{total.bits_per_byte:.4f}"
    return (
        f"| {kind} | {told['vocabulary_size']:,} | {total.characters / total.tokens:.2f} |"
        f" {shape['layers']} × {shape['hidden_size']} {shape['cell']} | {told['parameters']:,} | {told['steps']:,} |"
        f" {shown} | {per_byte} | {total.perplexity:.2f} |"
    )


if __name__ == "__main__":
    main()
