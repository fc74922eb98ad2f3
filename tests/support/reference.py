"""Check that a change of the code changes no result: weights, scores, samples and evaluations of small fixed runs.

    python tests/support/reference.py record > before.json    # with the code to compare with
    python tests/support/reference.py check before.json       # with the changed code; name variants to run only those

Floats depend on the processor, so compare only records of one machine. Each native variant that the processor has runs
in a process of its own, with one thread and with two. Weights, samples and whole numbers must be equal; floats of
`score` and `evaluate` may differ by 1e-6 of their size.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VARIANTS = ("bf16", "avx512", "avx2", "baseline", "none")
REFUSED = 77  # exit code of a process whose variant this processor does not have
TOLERANCE = 1e-6
STEPS = 12
CELLS = {"char": "gru", "word": "lstm", "subword": "rnn"}
SIZES = {"char": None, "word": 300, "subword": 360}  # of the vocabulary
RENAMED = {"--cache": "--neural-cache"}  # options that have another name in newer code
SAMPLES = (
    ["--count", "3", "--temperature", "0.8", "--top-p", "0.95"],
    ["--count", "2", "--top-k", "5", "--repetition-penalty", "1.3", "--prompt", "cats "],
    ["--count", "2", "--min-p", "0.01", "--typical", "0.9", "--no-repeat", "6"],
    ["--count", "2", "--mirostat", "3", "--unique", "--whole", "word"],
    ["--beam", "3"],
)
TEXTS = ("cats average 15 hours", "the old dog sleeps", "Größe ☃")


def corpora() -> dict[str, str]:
    """The text of lines and the running text, both made of a corpus of the repository."""
    lines = (ROOT / "corpora" / "cats.txt").read_text(encoding="utf-8").splitlines()[:800]
    paragraphs = (" ".join(lines[first : first + 5]) for first in range(0, len(lines), 5))
    return {"line": "\n".join(lines) + "\n", "stream": ".\n\n".join(paragraphs) + "\n"}


def record(variants: Sequence[str]) -> dict[str, Any]:
    """Run each variant that this processor has; returns variant → name of a result → result."""
    found = {}
    for variant in variants:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, os.path.abspath(__file__), "variant"]
            environment = {**os.environ, "CHARLM_NATIVE": variant, "CHARLM_CACHE": f"{folder}/cache"}
            ended = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
        if ended.returncode == REFUSED:
            print(f"{variant}: this processor does not have it", file=sys.stderr)
            continue
        ended.check_returncode()
        found[variant] = json.loads(ended.stdout)
        print(f"{variant}: {len(found[variant])} results", file=sys.stderr)
    return found


def record_variant() -> dict[str, Any]:
    """The results of the variant that this process runs, in the current folder, which is empty."""
    import charlm

    # config.json names the version, and the weights hold the hash of config.json: a release would change every weight.
    import_module("charlm.version").__version__ = "0.1.0"  # type: ignore[attr-defined]
    try:
        charlm.train("ab\n" * 40, charlm.ModelConfig(hidden_size=16, ngram="none"), charlm.TrainConfig(steps=1))
    except charlm.ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    found: dict[str, Any] = {}
    for sequence, text in corpora().items():
        Path(f"{sequence}.txt").write_text(text, encoding="utf-8")
        for tokenizer, cell in CELLS.items():
            for threads in (1, 2):
                name = f"{sequence}-{tokenizer}-{threads}"
                found |= {f"{name}: {what}": value for what, value in results(name, sequence, tokenizer, cell, threads)}
    return found


def results(name: str, sequence: str, tokenizer: str, cell: str, threads: int) -> Iterator[tuple[str, Any]]:
    """Train a model, interrupt a second run of it and resume that, then ask the model all that can be asked."""
    import torch

    import charlm

    shape = charlm.ModelConfig(
        sequence=sequence,
        ngram="none",
        tokenizer=tokenizer,
        vocab_size=SIZES[tokenizer],
        cell=cell,
        hidden_size=64,
        embedding_size=24,
        layers=2,
        dropout=0.1,
        readout="adaptive" if (tokenizer, sequence) == ("word", "stream") else "dense",
    )
    config = charlm.TrainConfig(
        learning_rate=4e-3, weight_decay=0.01, batch_size=8, seq_len=32, steps=STEPS, seed=3, threads=threads
    )
    plan = charlm.Plan(shape, config, steps=STEPS, validations=3)
    whole, resumed = Path("checkpoints") / name, Path("checkpoints") / f"{name}-resumed"
    charlm.train(f"{sequence}.txt", plan=plan, folder=whole)

    def interrupt(event: object) -> None:
        if type(event).__name__ == "Validated":
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        charlm.train(f"{sequence}.txt", plan=plan, folder=resumed, report=interrupt)
    charlm.train(f"{sequence}.txt", folder=resumed, resume=True)
    for kind, folder in (("weights", whole), ("weights of the resumed run", resumed)):
        yield kind, hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    torch.set_num_threads(threads)
    for number, options in enumerate(SAMPLES):
        if "--mirostat" not in options or tokenizer == "char":
            seed = () if "--beam" in options else ("--seed", 5)
            yield f"sample {number}", output("sample", "-m", name, *seed, "--length", 40, *options, "--json")
    yield "score", output("score", "-m", name, "--json", *TEXTS)
    yield "score in context", output("score", "-m", name, "--json", "--full", "--context", "the cats", *TEXTS)
    yield "score adapting", output("score", "-m", name, "--json", "--dynamic", "--cache", *TEXTS)
    yield "score by kenlm", output("score", "-m", name, "--format", "kenlm", *TEXTS[:2])
    yield "score by word", output("score", "-m", name, "--json", "--unit", "word", "--unknown", "skip", *TEXTS)
    yield "evaluate", output("evaluate", f"{sequence}.txt", "-m", name, "--json")
    if sequence == "stream":
        yield "evaluate windows", output("evaluate", f"{sequence}.txt", "-m", name, "--json", "--window", 32)


def output(*arguments: object) -> list[Any]:
    """What a command of charlm writes on stdout: a JSON value a line, or the words of the line."""
    from charlm import cli

    words = [str(each) for each in arguments]
    if any("neural-cache" in path.read_text(encoding="utf-8") for path in Path(cli.__file__).parents[1].rglob("*.py")):
        words = [RENAMED.get(word, word) for word in words]
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            cli.main(words)
        except SystemExit as ended:
            if ended.code:
                return [f"exit code {ended.code}", stderr.getvalue()[:40]]
    return [json.loads(line) if line[:1] in "{[" else line.split() for line in stdout.getvalue().splitlines()]


def differences(before: Any, after: Any, place: str) -> Iterator[str]:
    """A sentence for each value that has changed, wherever it lies in two records."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            if key not in before or key not in after:
                yield f"{place}, {key}: only in the {'new' if key in after else 'old'} record"
            else:
                yield from differences(before[key], after[key], f"{place}, {key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{place}, {number}")
    elif not same(before, after):
        yield f"{place}: {str(before)[:70]!r} is now {str(after)[:70]!r}"


def same(before: Any, after: Any) -> bool:
    """Whether two values are equal, floats up to the tolerance."""
    if before == after:
        return True
    try:
        old, new = float(before), float(after)
    except (TypeError, ValueError):
        return False
    whole = isinstance(before, int) or (isinstance(before, str) and before.lstrip("-").isdigit())
    return not whole and math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def main() -> None:
    match sys.argv[1:]:
        case ["record"]:
            print(json.dumps(record(VARIANTS), indent=1, sort_keys=True))
        case ["variant"]:
            print(json.dumps(record_variant()))
        case ["check", path, *variants]:
            before = json.loads(Path(path).read_text(encoding="utf-8"))
            after = record(variants or VARIANTS)
            changed = [each for variant in after for each in differences(before[variant], after[variant], variant)]
            print(
                "\n".join(changed[:40]) or f"nothing changed: {sum(map(len, after.values())):,} results are as before"
            )
            sys.exit(bool(changed))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
