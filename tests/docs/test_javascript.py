"""The example in JavaScript of docs/guide/other-runtimes.md, with node and onnxruntime-web where both are installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import charlm
from charlm.exports import export

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "other-runtimes.md"
MODULES = ROOT / "node_modules"


def test_the_example_names_the_likeliest_character(line_folder: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (MODULES / "onnxruntime-web").exists():
        pytest.skip("there is no node, or no onnxruntime-web: npm install --no-save onnxruntime-web")
    (example,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    shutil.copytree(line_folder, tmp_path / "checkpoints" / "names")
    model = charlm.load(line_folder)
    export(model, "onnx", tmp_path / "names.onnx")
    (tmp_path / "example.mjs").write_text(example, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(MODULES, target_is_directory=True)
    done = subprocess.run([node, "example.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert isinstance(model, charlm.LanguageModel)
    likeliest = model.next_token_probabilities("the")[0]
    assert done.stdout == f"{likeliest.text}\n"
