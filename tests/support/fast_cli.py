"""A `charlm` for shell scripts that starts at once: forked from a process that has imported torch already.

The program sends its arguments, its folder, its environment and its three streams to that process, and exits with the
code that comes back.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LARGEST = 2**18  # bytes of a request
_PROGRAM = """#!{python} -ISE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as there:
    there.connect({address!r})
    socket.send_fds(there, [json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()], [0, 1, 2])
    sys.exit(int(there.recv(16)))
"""


@contextmanager
def quick_charlm(folder: Path) -> Iterator[Path]:
    """The path of the program, in `folder`/bin, as long as it is entered."""
    program, address = folder / "bin" / "charlm", folder / "bin" / "socket"
    program.parent.mkdir()
    program.write_text(_PROGRAM.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, __file__, str(address)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # threads of tiny networks wait for each other on a busy machine
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as server:
        try:
            assert server.stdout and server.stdout.readline()  # it listens
            yield program
        finally:
            server.kill()


def _serve(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()

        import charlm.cli.view.display
        import charlm.training.train  # noqa: F401

        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
        print("listening", flush=True)
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> None:
    """In a process of its own: do what the caller asks, as if it had been started by the shell."""
    from charlm import cli

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams, _, _ = socket.recv_fds(caller, _LARGEST, 3)
    arguments, place, environment = json.loads(request)
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115  # as long as the process
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    code: object = 1
    try:
        cli.main(arguments)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        caller.send(str(code or 0).encode())
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
