"""Any order of training, saving, crashes, damage and deletion ends, when it goes on, as the run left alone."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import counters as tally
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from reference_run import STEPS, begin_or_go_on, outcome, undisturbed
from soak import SOAK

from charlm.checkpoints.model_folder import unfinished
from charlm.training.events import Event, Resumed
from charlm.training.learner import Learner
from charlm.training.run_folder import RunFolder
from charlm.training.trainer import Trainer

FILES = ("state.safetensors", "state.json", "manifest.json")
MANIFEST = FILES[-1]


class Crash(BaseException):
    """The process is gone, and all that it had in memory."""


class Training(RuleBasedStateMachine):
    """A run that comes forward by some steps at a time, and the states that should be whole on the disk."""

    @initialize()
    def begin(self) -> None:
        self.temporary = TemporaryDirectory()
        self.folder = Path(self.temporary.name) / "m"
        self.damaged: set[int] = set()

    def states(self) -> list[Path]:
        """The folders of finished saves, the newest last, damaged or not."""
        place = unfinished(self.folder)
        found = [path.parent for path in place.glob(f"steps/*/{MANIFEST}")] if place else []
        return sorted(found, key=lambda path: int(path.name))

    def expected(self) -> int:
        """The step from which the run should go on."""
        return max(0, self.newest(whole=True))

    def newest(self, whole: bool) -> int:
        """The step of the newest state, or of the newest that is whole; -1 where there is none."""
        found = {int(path.name) for path in self.states()}
        return max(found - self.damaged if whole else found, default=-1)

    def go_on(self, count: int, saves: set[int], end: type[BaseException]) -> None:
        """Train so many steps more at most, saving after some of them, until `end` comes."""
        expected, passed_over = self.expected(), self.newest(whole=False) > self.newest(whole=True)
        learn, save, left = Learner.backward, Trainer.save, count
        told: list[Event] = []
        ended = False

        def learned(learner: Learner, *arguments: Any) -> Any:
            nonlocal left, ended
            if left == 0:
                ended = True
                raise end
            left -= 1
            return learn(learner, *arguments)

        def saved(trainer: Trainer) -> None:
            if trainer.step - expected in saves or (ended and end is KeyboardInterrupt):
                save(trainer)
                self.damaged.discard(trainer.step)
                assert trainer.run_folder.saved_step == trainer.step == int(self.states()[-1].name) or self.damaged

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Learner, "backward", learned)
            patch.setattr(Trainer, "save", saved)
            if end is Crash:
                patch.setattr(RunFolder, "clean_up", lambda folder: None)  # a process that is gone tidies nothing up
            with pytest.raises(end):
                begin_or_go_on(self.folder, told.append)
        self.tell_apart(told, expected, passed_over)
        self.damaged &= {int(path.name) for path in self.states()}
        if end is KeyboardInterrupt:
            assert self.expected() == expected + count, "what was interrupted is saved at once"

    @staticmethod
    def tell_apart(told: list[Event], expected: int, passed_over: bool) -> None:
        for event in told:
            if isinstance(event, Resumed):
                assert event.step == expected
                assert bool(event.damaged) == passed_over, "it says so where a newer state is damaged"

    def room(self) -> int:
        return STEPS - 1 - self.expected()

    @precondition(lambda self: self.room() > 0)
    @rule(data=st.data())
    def train_and_be_interrupted(self, data: st.DataObject) -> None:
        self.go_on(data.draw(st.integers(1, self.room())), set(), KeyboardInterrupt)
        tally.count("machine steps")

    @rule(data=st.data(), saves=st.sets(st.integers(0, 5), max_size=3))
    def train_save_and_crash(self, data: st.DataObject, saves: set[int]) -> None:
        self.go_on(data.draw(st.integers(0, max(0, self.room()))), saves, Crash)
        tally.count("machine steps")

    @precondition(lambda self: self.states())
    @rule(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 7))
    def corrupt_a_byte(self, name: str, place: float, change: int) -> None:
        path = self.states()[-1] / name
        content = bytearray(path.read_bytes() if path.exists() else b"")
        if not content:
            return
        at = int(place * len(content))
        content[at] = (content[at] + change) % 256  # so few, so often: never what it was before
        self.write(path, bytes(content))

    @precondition(lambda self: self.states())
    @rule(name=st.sampled_from(FILES), share=st.floats(0, 1, exclude_max=True))
    def truncate(self, name: str, share: float) -> None:
        path = self.states()[-1] / name
        content = path.read_bytes() if path.exists() else b""
        if not content:
            return
        self.write(path, content[: int(share * len(content))])

    def write(self, path: Path, content: bytes) -> None:
        """Other white space in a manifest is no damage: it says what it said."""
        before = path.read_bytes()
        path.write_bytes(content)
        try:
            harmless = path.name == MANIFEST and json.loads(before) == json.loads(content)
        except ValueError:
            harmless = False
        if not harmless:
            self.damaged.add(int(path.parent.name))
        tally.count("machine steps")

    @precondition(lambda self: self.states())
    @rule(name=st.sampled_from(FILES))
    def lose_a_file(self, name: str) -> None:
        newest = self.states()[-1]
        (newest / name).unlink(missing_ok=True)
        self.damaged.add(int(newest.name))
        tally.count("machine steps")

    @precondition(lambda self: self.states())
    @rule(which=st.integers(0, 1))
    def prune(self, which: int) -> None:
        """Somebody deletes a state, the older or the newer."""
        place = self.states()[-1 - which % len(self.states())]
        shutil.rmtree(place)
        self.damaged.discard(int(place.name))
        tally.count("machine steps")

    def teardown(self) -> None:
        if not hasattr(self, "temporary"):
            return
        with self.temporary:
            begin_or_go_on(self.folder)
            assert outcome(self.folder) == undisturbed()


TestTraining = Training.TestCase
TestTraining.settings = settings(
    derandomize=not SOAK,
    deadline=None,
    database=None,
    max_examples=60 if SOAK else 10,
    stateful_step_count=30 if SOAK else 8,
    suppress_health_check=list(HealthCheck),
)
