"""`charlm export numpy`: a program next to its weights, which runs without charlm."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Outcome

import charlm
from charlm.exports import export

Run = Callable[..., Outcome]
ASK = "import sys, model; print(model.Model('.').logits('the word').tolist(), 'torch' in sys.modules)"


@pytest.mark.parametrize(("rounding", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.1), ("int8", 0.1)])
def test_the_program_gives_the_logits(stream_folder: Path, tmp_path: Path, rounding: str, tolerance: float) -> None:
    model = charlm.load(stream_folder)
    result = export(model, "numpy", tmp_path / "model.py", rounding=rounding)
    names = [path.name for path in result.paths]
    assert names == ["model.py", "model.safetensors", "config.json", "tokenizer.json"]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    logits, others = done.stdout.rsplit(maxsplit=1)
    assert others == "False"
    with torch.inference_mode():
        ids = torch.from_numpy(model.tokenizer.sequence(model.tokenizer.encode("the word"))).long()
        expected = model.network(ids[:, None])[0][:, 0]
    read = np.array(eval(logits.replace("inf", "np.inf"), {"np": np}))
    np.testing.assert_allclose(read, expected, atol=tolerance)


def test_in_the_models_own_folder_only_the_program_is_written(run: Run, stream_folder: Path) -> None:
    charlm.load(stream_folder).save("checkpoints/poems")
    before = Path("checkpoints/poems/model.safetensors").read_bytes()
    done = run("export", "numpy", "-m", "poems", "-o", "checkpoints/poems/model.py")
    assert (done.code, done.out) == (0, "checkpoints/poems/model.py\n")
    assert Path("checkpoints/poems/model.safetensors").read_bytes() == before
    assert run("remove", "poems", "--yes").code == 0
    assert not Path("checkpoints/poems").exists()


def test_none_of_the_files_is_replaced_unasked(run: Run, stream_folder: Path) -> None:
    Path("config.json").write_text("{}")
    done = run("export", "numpy", "-m", stream_folder, "-o", "poems.py")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: config.json already exists; replace it with --overwrite, or choose another --output\n"
    assert [path.name for path in Path().iterdir()] == ["config.json"]
