"""States of a trainer that are damaged or forged: an older one is taken, and said, or a sentence; never more harm."""

import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import counters as tally
import pytest
import torch
from reference_run import TEXT, ending, events_of, outcome, undisturbed
from safetensors.torch import load as read_tensors

import charlm
from charlm.files.tensors import pack
from charlm.nn.network import Network
from charlm.tasks import language as preparation
from charlm.training.events import Resumed
from charlm.training.learner import Learner

LAST, BEFORE = 5, 4  # the steps whose states are there
TENSORS, VALUES, MANIFEST = "state.safetensors", "state.json", "manifest.json"
Change = Callable[[Path], object]  # of the folder of the last state


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run cut short by Ctrl-C before its sixth step; to be copied before it is changed."""
    place = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "backward", ending(Learner.backward, LAST))
        events_of(place / "m")
    assert sorted(os.listdir(place / "m" / "steps")) == [str(BEFORE), str(LAST)]
    return place


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """The folder of the run, one of its own for each test, with nothing beside it."""
    return shutil.copytree(begun / "m", tmp_path / "run" / "m")


def sign(place: Path, **changes: object) -> None:
    """Write the manifest that the files as they are should have."""
    files = {}
    for name in (TENSORS, VALUES):
        data = (place / name).read_bytes()
        files[name] = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    manifest = {"format_version": 1, "step": int(place.name), "files": files, **changes}
    (place / MANIFEST).write_text(json.dumps(manifest))


def replaced(name: str, content: bytes) -> Change:
    return lambda place: (place / name).write_bytes(content)


def manifest(**changes: object) -> Change:
    return lambda place: sign(place, **changes)


def instead(name: str, make: Callable[[Path], object]) -> Change:
    def replace(place: Path) -> None:
        (place / name).unlink()
        make(place / name)

    return replace


def linked(name: str) -> Change:
    """A symbolic link to the very same content."""

    def link(place: Path) -> None:
        elsewhere = place.parents[3] / "elsewhere"
        os.rename(place / name, elsewhere)
        (place / name).symlink_to(elsewhere)

    return link


def sized(name: str, size: object) -> Change:
    def write(place: Path) -> None:
        sign(place)
        values = json.loads((place / MANIFEST).read_text())
        values["files"][name]["bytes"] = size
        (place / MANIFEST).write_text(json.dumps(values))

    return write


BROKEN: dict[str, tuple[str, Change]] = {
    **{
        f"{name} {kind}": (name, change)
        for name in (TENSORS, VALUES, MANIFEST)
        for kind, change in {
            "cut": lambda place, name=name: os.truncate(place / name, 9),
            "empty": replaced(name, b""),
            "linked": linked(name),
            "a folder": instead(name, lambda path: path.mkdir()),
            "a pipe": instead(name, lambda path: os.mkfifo(path)),
        }.items()
    },
    **{f"{name} missing": (name, lambda place, name=name: (place / name).unlink()) for name in (TENSORS, VALUES)},
    **{
        f"{name} of {size!r} bytes": (name, sized(name, size))
        for name in (TENSORS, VALUES)
        for size in (-1, 0, True, None, "9", 2**70, 1e9, [])
    },
    "a manifest that is a list": (MANIFEST, replaced(MANIFEST, b"[]")),
    "a manifest that nests": (MANIFEST, replaced(MANIFEST, b"[" * 60_000)),
    "a manifest that is long": (MANIFEST, replaced(MANIFEST, b" " * 2**17)),
    "a manifest with a name twice": (MANIFEST, replaced(MANIFEST, b'{"step": 5, "step": 5}')),
    "a manifest with NaN": (MANIFEST, replaced(MANIFEST, b'{"step": NaN}')),
    "a manifest of a newer format": (MANIFEST, manifest(format_version=2)),
    "a manifest of another step": (MANIFEST, manifest(step=4)),
    "a manifest of a step in words": (MANIFEST, manifest(step=str(LAST))),
    "a manifest of other files": (MANIFEST, manifest(files={"../../config.json": {"bytes": 1, "sha256": ""}})),
    "a manifest of a list of files": (MANIFEST, manifest(files=[TENSORS, VALUES])),
    "a manifest of files in words": (MANIFEST, manifest(files={TENSORS: "x", VALUES: "y"})),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_the_state_before_is_taken_and_that_is_said(folder: Path, kind: str) -> None:
    name, change = BROKEN[kind]
    change(folder / "steps" / str(LAST))
    told = events_of(folder)
    (resumed,) = [event for event in told if isinstance(event, Resumed)]
    assert resumed.step == BEFORE
    (sentence,) = resumed.damaged
    assert name in sentence and sentence.isprintable() and len(sentence) < 1000
    assert outcome(folder) == undisturbed()
    tally.count("bad states tried")


def tensors(**changes: torch.Tensor | torch.dtype | float | None) -> Change:
    """Add, replace, remove (None), fill (a number) or cast (a type) tensors; a dot in a name is written as two _."""

    def write(place: Path) -> None:
        found = read_tensors((place / TENSORS).read_bytes())
        for path, value in changes.items():
            name = path.replace("__", ".")
            before = found.pop(name, torch.zeros(1))
            if isinstance(value, float):
                value = torch.full_like(before, value)
            elif isinstance(value, torch.dtype):
                value = before.to(value)
            if value is not None:
                found[name] = value
        (place / TENSORS).write_bytes(pack(found, {}))
        sign(place)

    return write


def values(**changes: object) -> Change:
    """Change what the state says; ... removes it, and __ leads into an object."""

    def write(place: Path) -> None:
        found = json.loads((place / VALUES).read_text())
        for path, value in changes.items():
            *outer, last = path.split("__")
            inner = found
            for name in outer:
                inner = inner[name]
            inner[last] = value
            if value is ...:
                del inner[last]
        (place / VALUES).write_text(json.dumps(found).replace("Infinity", "1e999"))
        sign(place)

    return write


def both(*changes: Change) -> Change:
    def write(place: Path) -> None:
        for change in changes:
            change(place)

    return write


BEST = values(best__known_nats=0.0)  # which no later model beats
FORGED: dict[str, Change] = {
    "no tensors": lambda place: ((place / TENSORS).write_bytes(pack({}, {})), sign(place)),
    "a pickle": lambda place: ((place / TENSORS).write_bytes(b"\x80\x04cposix\nsystem\n(S'x'\ntR."), sign(place)),
    "a missing tensor": tensors(optimizer__mean__0=None),
    "an extra tensor": tensors(extra=torch.zeros(1)),
    "an extra tensor of the best": tensors(best__extra=torch.zeros(1)),
    "a NaN in the weights": tensors(network__readout__bias=torch.nan),
    "a weight of another shape": tensors(network__readout__bias=torch.zeros(2, 2)),
    "a weight of another type": tensors(network__readout__bias=torch.float64),
    "a state of no shape": tensors(state__0__0=torch.tensor(0.0)),
    "a state of a huge shape of nothing": tensors(state__0__0=torch.empty(2**50, 0)),
    "a NaN in the best weights": both(tensors(best__readout__bias=torch.nan), BEST),
    "best weights of another shape": both(tensors(best__readout__bias=torch.zeros(2, 2)), BEST),
    "best weights that are not all there": both(tensors(best__readout__bias=None), BEST),
    "values that are a list": lambda place: ((place / VALUES).write_text("[]"), sign(place)),
    "values that nest": lambda place: ((place / VALUES).write_text("[" * 10**5), sign(place)),
    "values with a name twice": lambda place: ((place / VALUES).write_text('{"plan": 1, "plan": 1}'), sign(place)),
    **{f"without {name}": values(**{name: ...}) for name in ("plan", "best", "seconds", "metrics", "validated")},
    **{
        f"{name} {value!r}": values(**{name: value})
        for name, options in {
            "seconds": ["5", None, [], float("inf")],
            "learning_seconds": ["nan", {}, float("inf")],
            "smoothed": ["x", []],
            "best_step": ["x", None, float("inf")],
            "validated": [[], float("inf")],
            "metrics": [7, None],
            "best": ["x", 7, {"nats": 1.0}],
            "plan": [None, [], "x"],
            "plan__steps": [0, -1, 2**70, "9"],
            "plan__model__cell": ["gruu", "../x", 7],
            "plan__model__layers": [0, 2, 65, "1"],
        }.items()
        for value in options
    },
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_state_is_refused_or_passed_over_and_never_reaches_the_model(folder: Path, kind: str) -> None:
    """Its checksums are true: what it says is judged. Where it is taken after all, the model at the end is whole."""
    FORGED[kind](folder / "steps" / str(LAST))
    try:
        events_of(folder)
    except charlm.CharlmError as error:
        assert str(error).isprintable() and len(str(error)) < 1000
    charlm.load(folder)
    tally.count("bad states tried")


def test_a_plan_of_a_huge_network_is_refused_before_memory_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checksums are true, and no option contradicts it: the tensors of the state do."""

    def network(config: charlm.ModelConfig, size: int) -> Network:
        assert torch.empty(0).is_meta, "memory is taken"
        return Network(config, size)

    monkeypatch.setattr(preparation, "network_of", network)
    values(plan__model__hidden_size=65_536, plan__model__layers=64)(folder / "steps" / str(LAST))
    with pytest.raises(charlm.ModelError, match="plan"):
        charlm.train(TEXT, folder=folder, resume=True)
    tally.count("bad states tried")


ODD = ["05", "٥", "6x", "-7", ".8", "9.tmp", "9" * 200, "¹²", "1" * 30]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_an_odd_name_is_none_of_the_run(folder: Path, name: str) -> None:
    odd = shutil.copytree(folder / "steps" / str(LAST), folder / "steps" / name)
    told = events_of(folder)
    assert [event.step for event in told if isinstance(event, Resumed)] == [LAST]
    assert odd.exists() is False or name in os.listdir(folder / "steps")
    charlm.load(folder)
    tally.count("bad states tried")


@pytest.mark.parametrize("what", ["steps", f"steps/{LAST}"])
def test_no_link_leads_out_of_the_folder(folder: Path, tmp_path: Path, what: str) -> None:
    """A run that goes on deletes old states: behind a link it would be someone's pictures of 2023."""
    elsewhere = tmp_path / "elsewhere"
    shutil.move(folder / what, elsewhere)
    (elsewhere / "2023").mkdir()
    (elsewhere / "2023" / "picture").write_text("")
    (folder / what).symlink_to(elsewhere, target_is_directory=True)
    before = {path.relative_to(elsewhere): path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    try:
        told = events_of(folder)
    except charlm.CharlmError as error:
        assert "steps" in str(error)
    else:
        assert [event.step for event in told if isinstance(event, Resumed)] != [LAST]
    assert {path.relative_to(elsewhere): path.stat().st_mtime_ns for path in elsewhere.rglob("*")} == before
    tally.count("bad states tried")
