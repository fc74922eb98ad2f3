"""Two hosts on one machine: network namespaces with names, addresses, processes and a folder of their own.

They are joined by a pair of virtual network cards, or by the slow link of `slow_link.py`. The files of a host are a
folder that the others do not use, unless a test links one that they share.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import charlm

_SOURCES = Path(charlm.__file__).parent.parent
PATIENCE = 150  # seconds until a test that hangs has failed


def refusal() -> str:
    """Why this process cannot make such hosts; empty if it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    name = f"charlm-{os.getpid()}-try"
    try:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    except OSError:
        return "the program ip is missing (iproute2)"
    if made.returncode:
        return f"network namespaces are not allowed: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return "" if Path("/dev/net/tun").exists() else "/dev/net/tun is missing"


@dataclass(eq=False)
class Launched:
    """A command on a host, with all processes that it has started; its output goes to files."""

    process: subprocess.Popen[bytes]
    host: "Host"
    name: str

    @property
    def out(self) -> str:
        return (self.host.folder / f"{self.name}.out").read_text()

    @property
    def err(self) -> str:
        return (self.host.folder / f"{self.name}.err").read_text()

    def code(self, seconds: float = PATIENCE) -> int:
        """Exit code of the command, which must end within this time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.host.name} still runs\n{self.err}") from None

    def wait_for(self, text: str) -> None:
        """Wait until the command has written this to stderr."""
        until = time.monotonic() + PATIENCE
        while text not in self.err:
            assert self.process.poll() is None and time.monotonic() < until, self.err
            time.sleep(0.05)

    def workers(self) -> list[int]:
        """Process ids of the trainers that torchrun has started, by age."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "charlm train"], capture_output=True, text=True
        )
        return [int(each) for each in found.stdout.split()]


@dataclass(eq=False)
class Host:
    """A host with one core. `name` is its network namespace, and `host` what the others call it."""

    namespace: str
    name: str
    address: str
    folder: Path
    names: Path  # in place of /etc/hosts
    core: int
    launched: list[Launched] = field(default_factory=list)

    def start(self, line: str, name: str = "run") -> Launched:
        """Start a command line as it stands in the documentation, in the folder of this host."""
        words = shlex.split(line.replace("\\\n", " "))
        if words[0] == "torchrun":
            words[:1] = [sys.executable, "-m", "torch.distributed.run"]
        setup = f'hostname {self.name} && mount --bind {shlex.quote(str(self.names))} /etc/hosts && exec "$@"'
        inside = ["ip", "netns", "exec", self.namespace, "unshare", "--mount", "--uts", "sh", "-c", setup, "sh", *words]
        environment = os.environ | {
            "PYTHONPATH": str(_SOURCES),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        with open(self.folder / f"{name}.out", "wb") as out, open(self.folder / f"{name}.err", "wb") as err:
            process = subprocess.Popen(
                ["taskset", "-c", str(self.core), *inside],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.launched.append(Launched(process, self, name))
        return self.launched[-1]

    def vanish(self) -> None:
        """Take the network away, as if the host had lost its power: nobody is informed."""
        self._link("down")

    def come_back(self) -> None:
        """Give the network back."""
        self._link("up")

    def _link(self, state: str) -> None:
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "link0", state], check=True)

    def end(self) -> None:
        """Kill all processes of this host."""
        found = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True)
        for each in map(int, found.stdout.split()):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        for launched in self.launched:
            launched.process.wait()


@contextmanager
def two_hosts(place: Path, *, rate: float | None = None, delay: float = 0.01) -> Iterator[tuple[Host, Host]]:
    """Yield host1 and host2, each with a folder below `place`; a slow link has a rate in bits per second."""
    addresses = ("10.77.0.1", "10.77.0.2")
    made: list[Host] = []
    link = None
    names = place / "hosts"
    names.write_text("127.0.0.1 localhost\n" + "".join(f"{each} host{n}\n" for n, each in enumerate(addresses, 1)))
    cores = sorted(os.sched_getaffinity(0))
    try:
        for number, address in enumerate(addresses, 1):
            folder = place / f"host{number}"
            folder.mkdir()
            host = Host(
                f"charlm-{os.getpid()}-{number}", f"host{number}", address, folder, names, cores[-number % len(cores)]
            )
            _ip(f"netns add {host.namespace}")
            made.append(host)
            _ip(f"-n {host.namespace} link set lo up")
        one, two = made
        if rate is None:
            _ip(f"-n {one.namespace} link add link0 type veth peer name link0 netns {two.namespace}")
            for host in made:
                _ip(f"-n {host.namespace} address add {host.address}/24 dev link0")
                _ip(f"-n {host.namespace} link set link0 up")
        else:
            script = Path(__file__).with_name("slow_link.py")
            ends = [each for host in made for each in (host.namespace, host.address)]
            command = [sys.executable, str(script), *ends, f"--rate={rate}", f"--delay={delay}"]
            link = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert link.stdout and link.stdout.readline() == "ready\n"
        yield one, two
    finally:
        for host in made:
            host.end()
        if link:
            with link:
                link.kill()
        for host in made:
            _ip(f"netns delete {host.namespace}")


def measure(one: Host, two: Host, size: int = 10_000_000) -> tuple[float, float]:
    """Return bits per second of a transfer from one host to the other, and seconds of a round trip."""
    script = Path(__file__).with_name("measure_link.py")
    server = two.start(f"{sys.executable} {script} listen", "listen")
    client = one.start(f"{sys.executable} {script} {two.name} {size}", "measure")
    assert (client.code(), server.code()) == (0, 0), client.err + server.err
    rate, round_trip = map(float, client.out.split())
    return rate, round_trip


def free_port() -> int:
    """Return a port that no process uses now."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)
