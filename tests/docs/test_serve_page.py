"""The curl lines of the guide to `charlm serve` run against a server."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from serving import Address

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "serve.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_line_is_answered(server: Address) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 7 and all(line.startswith("curl ") for line in lines)
    for line in lines:
        words = shlex.split(line.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}").replace("genesis", "stream"))
        done = subprocess.run([*words, "-sS", "--fail-with-body"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        if 'stream": true' in line:
            assert done.stdout.endswith("data: [DONE]\n\n")
        else:
            assert json.loads(done.stdout)
