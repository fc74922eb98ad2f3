"""The sbatch file of the page runs under bash, with small programs in place of Slurm's."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import STREAM
from soak import SOAK

from charlm.checkpoints import training_state
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import unfinished

if sys.platform == "win32":
    pytest.skip("the script is for bash", allow_module_level=True)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "scheduler.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
PROGRAMS = {
    "srun": 'exec "$@"',
    "scontrol": 'echo "$@" >> asked; [ "$1" = requeue ] || printf "localhost\\n"',
}
LAUNCHERS = {
    "torchrun": 'exec python -m torch.distributed.run "$@"',
    # What torchrun does for one node with one process, without the seconds that it takes to start.
    "stub": 'until [ "$1" = -m ]; do shift; done; exec python "$@"',
}
JOB = {"SLURM_JOB_ID": "17", "SLURM_JOB_NUM_NODES": "1", "SLURM_JOB_NODELIST": "localhost", "SLURM_CPUS_PER_TASK": "1"}
SMALL = "--hidden-size 16 --layers 1 --batch-size 8 --seq-len 16"


@pytest.mark.parametrize(
    "launcher", ["stub", pytest.param("torchrun", marks=pytest.mark.skipif(not SOAK, reason="by `make soak`"))]
)
def test_a_job_is_stopped_before_its_limit_and_the_next_one_completes_the_run(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "corpus.txt").write_text(STREAM)
    (tmp_path / "bin").mkdir()
    for name, body in {**PROGRAMS, "torchrun": LAUNCHERS[launcher]}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    assert SCRIPT.count("--epochs 20") == 1
    script = SCRIPT.replace("--epochs 20", f"--steps 1500 {SMALL}")
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | JOB | {"PATH": path, "PYTHONPATH": str(ROOT)}

    def job(number: int) -> subprocess.Popen[bytes]:
        with open(tmp_path / f"log{number}", "wb") as log:
            return subprocess.Popen(["bash", "-c", script], cwd=tmp_path, env=environment, stdout=log, stderr=log)

    def said(number: int) -> str:
        return (tmp_path / f"log{number}").read_text()

    first, until = job(1), time.monotonic() + 60
    while not re.search(r"\nstep [1-9]", said(1)):  # step 0 is the validation of the counts
        assert first.poll() is None and time.monotonic() < until, said(1)
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0, said(1)
    assert "stopped at step" in said(1)
    assert (tmp_path / "asked").read_text().splitlines() == ["show hostnames localhost", "requeue 17"]
    folder = tmp_path / "checkpoints" / "poems"
    state = training_state.newest(unfinished(folder) or folder)[0]
    assert state and f"stopped at step {state.step:,}" in said(1)
    assert job(2).wait(60) == 0, said(2)
    assert f"resuming at step {state.step:,}\n" in said(2)
    assert describe(folder)["steps"] == 1500
    assert len((tmp_path / "asked").read_text().splitlines()) == 3, "a run that is complete asks for no other job"
