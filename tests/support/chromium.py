"""Debian's Chromium without a window, for the tests in browser/: `browser.open(file)` shows a page.

It is spoken to by its DevTools protocol over a pipe, without a port or a package.

https://chromedevtools.github.io/devtools-protocol/: a command is a JSON object with a number, an answer one with the
same number, all else is an event; each ends in a zero byte.
"""

import base64
import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "chromium"
PATIENCE = 60  # seconds for an answer, after which something is broken
_OPTIONS = (
    *("--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--hide-scrollbars"),
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chromium"]:
    """One for all pages. Without a browser, the tests are skipped."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"there is no {PROGRAM} here: apt-get install {PROGRAM}")
    found = Chromium(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


class Chromium:
    """A browser with a profile of its own in `folder`.

    Raises RuntimeError where there is none, or it does not answer.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise RuntimeError(f"there is no {PROGRAM} here: apt-get install {PROGRAM}")
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        self._out, self._in, self._log = ours_out, ours_in, folder / "chromium.log"
        self._process = os.posix_spawn(
            program,
            [program, *_OPTIONS, f"--user-data-dir={folder}"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs_in, 3),  # made first, so the other is not 3
                (os.POSIX_SPAWN_DUP2, theirs_out, 4),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, str(self._log), os.O_WRONLY | os.O_CREAT, 0o600),
            ],
            setpgroup=0,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._read, self._number = b"", 0
        self.events: list[dict[str, Any]] = []

    def open(self, page: Path, *, width: int = 800, height: int = 600, dark: bool = False) -> "Tab":
        """The page of a file in a window of that many pixels, once it is loaded."""
        return Tab(self, page, width, height, dark)

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """What the browser answers; the events that come before it are kept."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (found := self.message()).get("id") != number:
            self.events.append(found)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']['message']}")
        answer: dict[str, Any] = found["result"]
        return answer

    def message(self) -> dict[str, Any]:
        """The next thing it says."""
        while b"\0" not in self._read:
            ready = select.select([self._in], [], [], PATIENCE)[0]
            some = os.read(self._in, 1 << 20) if ready else b""
            if not some:
                said = self._log.read_text(encoding="utf-8", errors="replace")[-1000:]
                raise RuntimeError(f"chromium does not answer; it said: {said}")
            self._read += some
        first, _, self._read = self._read.partition(b"\0")
        found: dict[str, Any] = json.loads(first)
        return found

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)
        os.killpg(self._process, signal.SIGKILL)  # its profile goes with the folder
        os.waitpid(self._process, 0)


class Tab:
    """A page that is shown: what is on it, what it looks like, and what it asked for."""

    def __init__(self, browser: Chromium, page: Path, width: int, height: int, dark: bool) -> None:
        self._browser = browser
        target = browser.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._command(f"{domain}.enable")
        self._command("Performance.enable", timeDomain="threadTicks")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", features=[scheme])
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self._command("Page.navigate", url=page.absolute().as_uri())
        while not self._events("Page.loadEventFired"):
            browser.events.append(browser.message())

    @property
    def requests(self) -> list[str]:
        """The addresses of all that it loaded, the page itself first."""
        return [event["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    @property
    def computing(self) -> float:
        """Seconds that the page has computed for, without those in which other programs had the processor."""
        metrics = {each["name"]: each["value"] for each in self._command("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])

    @property
    def complaints(self) -> list[str]:
        """What the console shows: errors, and what was blocked."""
        said = [event["entry"]["text"] for event in self._events("Log.entryAdded")]
        return said + [event["exceptionDetails"]["text"] for event in self._events("Runtime.exceptionThrown")]

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, parsed from JSON; of a promise, what it becomes."""
        found = self._command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['result'].get('description')}")
        return found["result"].get("value")

    def hover(self, element: str) -> None:
        """Point at the middle of the first element of a CSS selector."""
        chosen = f"document.querySelector({json.dumps(element)})"
        self.value(f"{chosen}.scrollIntoView({{block: 'nearest'}})")
        x, y, width, height = self.box(element)
        self._command("Input.dispatchMouseEvent", type="mouseMoved", x=x + width / 2, y=y + height / 2)

    def press(self, key: str, *, control: bool = False) -> None:
        """A key by its name in the DOM, such as Tab; with the control key, if asked."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}
        codes |= {" ": 32, "ArrowDown": 40}
        for kind in ("rawKeyDown", "keyUp"):
            code = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
            self._command("Input.dispatchKeyEvent", type=kind, modifiers=2 * control, **code)

    def type(self, text: str) -> None:
        """Write a text where the focus is."""
        self._command("Input.insertText", text=text)

    def box(self, element: str, pseudo: str | None = None) -> tuple[float, float, float, float]:
        """x, y, width and height in the window of an element, or of what its style adds: `after` or `before`."""
        root = self._command("DOM.getDocument")["root"]["nodeId"]
        node = self._command("DOM.querySelector", nodeId=root, selector=element)["nodeId"]
        if pseudo:
            described = self._command("DOM.describeNode", nodeId=node)["node"]["pseudoElements"]
            (chosen,) = [each["backendNodeId"] for each in described if each["pseudoType"] == pseudo]
            model = self._command("DOM.getBoxModel", backendNodeId=chosen)["model"]
        else:
            model = self._command("DOM.getBoxModel", nodeId=node)["model"]
        xs, ys = model["border"][0::2], model["border"][1::2]
        return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)

    def screenshot(self) -> bytes:
        """PNG of the window."""
        return base64.b64decode(self._command("Page.captureScreenshot", format="png")["data"])

    def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.command(method, self._session, **parameters)

    def _events(self, method: str) -> list[dict[str, Any]]:
        mine = (event for event in self._browser.events if event.get("sessionId") == self._session)
        return [event["params"] for event in mine if event.get("method") == method]
