"""Real clients over loopback: the llm command with its plugin, and lm-eval.

CHARLM_CLIENTS is the Python of an environment that has lm-eval and plugins/llm-charlm, if it is another one.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving import Address, serving

import charlm

PYTHON = os.environ.get("CHARLM_CLIENTS", sys.executable)
TEXT = "In the beginning was the word.\n\nAnd the text was long.\n"
TASK = """task: own_text
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
output_type: {kind}
test_split: test
doc_to_text: ""
target_delimiter: ""
{rest}
"""


def client(*arguments: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of the clients' Python; skip the test if it is not installed."""
    if subprocess.run([PYTHON, "-c", f"import {arguments[0]}"], capture_output=True, check=False).returncode:
        pytest.skip(f"{arguments[0]} is not installed in the environment of {PYTHON}")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache"), **variables}
    command = [PYTHON, "-m", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, check=False, timeout=120
    )


def test_llm_prints_the_text_of_sample(server: Address, served_stream: charlm.LanguageModel, tmp_path: Path) -> None:
    variables = {"CHARLM_SERVER": server.url, "LLM_USER_PATH": str(tmp_path)}
    listed = client("llm", "models", folder=tmp_path, **variables)
    if "charlm/stream" not in listed.stdout:
        pytest.skip("plugins/llm-charlm is not installed")
    asked = ("llm", "-m", "charlm/stream", "-o", "max_tokens", "40", "-o", "seed", "6", "In")
    expected = served_stream.sample("In", length=40, seed=6)[0].text
    for options in ((), ("--no-stream",)):
        assert client(*asked, *options, folder=tmp_path, **variables).stdout.rstrip("\n") == expected.rstrip("\n")
    refused = client("llm", "-m", "charlm/stream", "é", folder=tmp_path, **variables)
    assert refused.returncode == 1 and "does not know 'é'" in refused.stderr
    assert "charlm/films" not in listed.stdout


def lm_eval(model: charlm.LanguageModel, folder: Path, kind: str, rows: list[dict[str, str]], rest: str) -> str:
    file = folder / "test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "own.yaml").write_text(TASK.format(file=file, kind=kind, rest=rest), encoding="utf-8")
    with serving([model]) as address:
        options = f"model={model.name},base_url={address.url}/v1/completions,tokenizer_backend=remote"
        task = ("--tasks", "own_text", "--include_path", str(folder), "--batch_size", "4")
        done = client("lm_eval", "--model", "local-completions", *task, "--model_args", options, folder=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_lm_eval_measures_what_evaluate_measures(served_stream: charlm.LanguageModel, tmp_path: Path) -> None:
    metrics = 'doc_to_target: "{{text}}"\nmetric_list: [{metric: bits_per_byte}, {metric: byte_perplexity}]'
    printed = lm_eval(served_stream, tmp_path, "loglikelihood_rolling", [{"text": TEXT}], metrics)
    evaluation = served_stream.evaluate(TEXT)
    for metric, value in (("bits_per_byte", evaluation.bits_per_byte), ("byte_perplexity", evaluation.perplexity)):
        row = re.search(rf"\|{metric}\s*\|\S*\s*\|\s*([\d.]+)\|", printed)
        assert row and value is not None and float(row[1]) == pytest.approx(value, abs=1e-4)


def test_lm_eval_chooses_what_score_finds_likelier(served_lines: charlm.LanguageModel, tmp_path: Path) -> None:
    pairs = [("the cat ran", "the cat nar"), ("tas god a", "a dog sat"), ("the cats slept", "slept the cats")]
    choices = 'doc_to_target: 0\ndoc_to_choice: "{{[good, bad]}}"\nmetric_list: [{metric: acc}]'
    rows = [{"good": good, "bad": bad} for good, bad in pairs]
    printed = lm_eval(served_lines, tmp_path, "multiple_choice", rows, choices)
    right = sum(served_lines.score(a, eos=False).logprob > served_lines.score(b, eos=False).logprob for a, b in pairs)
    row = re.search(r"\|acc\s*\|\S*\s*\|\s*([\d.]+)\|", printed)
    assert row and float(row[1]) == pytest.approx(right / len(pairs), abs=1e-4)
