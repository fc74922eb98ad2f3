"""`LanguageModel.save` and `charlm.load`: a model comes back unchanged, by its path, its name, or as the latest."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LINES, QUICK, SMALL, STREAM, Outcome

import charlm
from charlm.checkpoints.model_folder import FILES, TOKENIZER, lock
from charlm.tokenizers import Tokenizer

Run = Callable[..., Outcome]
SHORT = replace(QUICK, steps=3)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_saved_model_loads_to_the_same_values(model: charlm.LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = charlm.load(tmp_path / "m")
    assert sorted(os.listdir(tmp_path / "m")) == sorted([*FILES, TOKENIZER])
    assert os.listdir(tmp_path) == ["m"], "neither a lock nor a half-written folder is left"
    assert (again.config, again.tokenizer.to_json()) == (model.config, model.tokenizer.to_json())
    assert again.score("the") == model.score("the")
    assert again.sample("the", seed=1, length=20) == model.sample("the", seed=1, length=20)
    assert (model.name, again.name) == ("text", "m")


@pytest.mark.parametrize("folder", ["line_folder", "counted_folder"])
def test_a_model_that_was_loaded_is_saved_byte_for_byte(
    folder: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With counts, these are a file of their own."""
    original: Path = request.getfixturevalue(folder)
    charlm.load(original).save(tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(original)
    assert ("counts.safetensors" in contents(original)) == (folder == "counted_folder")


def test_a_model_trained_in_memory_has_the_files_of_one_with_a_folder(line_folder: Path, tmp_path: Path) -> None:
    charlm.train(LINES, SMALL, QUICK).save(tmp_path / "lines")
    saved, written = contents(tmp_path / "lines"), contents(line_folder)
    same = ("config.json", "tokenizer.json", "plan.json", "model.safetensors")
    assert [saved[name] for name in same] == [written[name] for name in same]
    assert b"\n# `text`\n" in saved["README.md"], "the card has the name under which it was trained"


def test_every_command_reads_a_saved_model(stream_model: charlm.LanguageModel, run: Run, tmp_path: Path) -> None:
    stream_model.save(str(tmp_path / "checkpoints" / "m"))
    assert "40 of 40" in run("info", "--model", "m").out
    (tmp_path / "text").write_text(STREAM)
    assert run("report", "--model", "m", "-o", "r.html").code == 0


def test_nothing_is_overwritten_unless_asked(model: charlm.LanguageModel, line_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(line_folder, tmp_path / "m")
    before = contents(folder)
    with pytest.raises(charlm.ModelExistsError, match="m already exists"):
        model.save(folder)
    assert contents(folder) == before
    model.save(folder, overwrite=True)
    assert charlm.load(folder).score("the") == model.score("the")
    (tmp_path / "notes").mkdir()
    for other in (tmp_path / "notes", tmp_path / "notes.txt"):
        other.touch()
        with pytest.raises(charlm.ModelExistsError, match="is not a charlm model, so it is kept"):
            model.save(other, overwrite=True)


def test_a_model_that_is_being_trained_is_not_replaced(model: charlm.LanguageModel, tmp_path: Path) -> None:
    with lock(tmp_path / "m"), pytest.raises(charlm.ModelInUseError):
        model.save(tmp_path / "m", overwrite=True)


def test_a_disk_that_refuses_the_model_leaves_the_old_one(
    model: charlm.LanguageModel, line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(line_folder, tmp_path / "m")
    before = contents(folder)

    def full(source: object, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(charlm.SaveError, match=r"m cannot be written: .*: No space left on device"):
        model.save(folder, overwrite=True)
    assert (contents(folder), os.listdir(tmp_path)) == (before, ["m"])


def test_what_was_learned_while_reading_is_not_saved(line_model: charlm.LanguageModel, tmp_path: Path) -> None:
    adapted = line_model.adapted("dynamic")
    adapted.score(["the cat ran"] * 20)
    adapted.save(tmp_path / "m")
    assert charlm.load(tmp_path / "m").score("the cat") == line_model.score("the cat")


def test_a_model_put_together_by_hand_is_not_saved(bigram_model: charlm.LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(charlm.ConfigError, match="only a model that charlm has trained or loaded can be saved"):
        bigram_model.save(tmp_path / "m")


@pytest.mark.parametrize("wrong", [None, 5, b"m", ["m"]])
def test_a_folder_of_another_type_is_named(model: charlm.LanguageModel, wrong: object) -> None:
    shown = "None" if wrong is None else type(wrong).__name__
    with pytest.raises(TypeError, match=rf"save\(\) takes a path, not {shown}"):
        model.save(wrong)  # type: ignore[arg-type]
    if wrong is not None:
        with pytest.raises(TypeError, match=rf"load\(\) takes the name of a model, or a path, not {shown}"):
            charlm.load(wrong)  # type: ignore[arg-type]


@pytest.fixture
def workshop(line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the model checkpoints/names."""
    shutil.copytree(line_folder, tmp_path / "checkpoints" / "names")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_is_found_by_its_name(workshop: Path) -> None:
    assert charlm.load("names").name == "names"
    assert charlm.load(workshop / "checkpoints" / "names").name == "names"
    assert charlm.load("checkpoints/names").name == "names"
    with pytest.raises(charlm.ModelError, match=r"no model checkpoints/nams, only names; did you mean names\?"):
        charlm.load("nams")
    (workshop / "names").mkdir()  # a folder of texts, perhaps
    assert charlm.load("names").name == "names"
    (workshop / "texts").mkdir()
    with pytest.raises(charlm.ModelError, match=r"^texts has no config\.json; it is not a charlm model"):
        charlm.load("texts")


def test_a_folder_with_the_name_wins_if_it_is_a_model(workshop: Path, stream_folder: Path) -> None:
    shutil.copytree(stream_folder, workshop / "names")
    assert not charlm.load("names").line
    assert charlm.load("checkpoints/names").line


def test_without_a_name_the_latest_model_is_loaded(workshop: Path, line_folder: Path) -> None:
    with pytest.raises(charlm.ModelError, match="no model is marked as the one that was trained last"):
        charlm.load()
    charlm.train(STREAM, SMALL, SHORT, folder="checkpoints/stories")
    assert charlm.load().name == "stories"
    charlm.train(STREAM, SMALL, SHORT, folder="elsewhere")
    charlm.train(STREAM, SMALL, SHORT)
    assert charlm.load().name == "stories", "a folder elsewhere, or none, is not the latest in checkpoints/"


def test_a_device_that_does_not_exist_is_named(line_folder: Path) -> None:
    with pytest.raises(charlm.ConfigError, match=r"^device is 'gpu'; it must be auto, cpu, cuda or mps$"):
        charlm.load(line_folder, device="gpu")
    with pytest.raises(charlm.ConfigError, match="has no cuda:99 device"):
        charlm.load(line_folder, device="cuda:99")
    assert charlm.load(line_folder, device="auto").network.device.type in ("cpu", "cuda")


def test_a_model_without_its_card_is_saved_without_one(line_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(line_folder, tmp_path / "m")
    (folder / "README.md").unlink()
    model = charlm.load(folder)
    shutil.rmtree(folder)
    model.save(folder)
    assert sorted(os.listdir(folder)) == sorted({*FILES, TOKENIZER} - {"README.md"})
    assert model.tokenizer.size == charlm.load(folder).tokenizer.size > len(Tokenizer.CONTROL)
