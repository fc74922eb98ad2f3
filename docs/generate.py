"""Write what comes from the code: cli.md from each command's help, python-api.md from docstrings, and keywords.py.

    python docs/generate.py [--check]

`--check` writes nothing and exits with 1 if a page is stale.
"""

import argparse
import ast
import inspect
import io
import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import fields
from pathlib import Path
from textwrap import dedent
from typing import Any
from unittest.mock import patch

from typer.main import get_command

import charlm
from charlm import cli
from charlm.registry import Option, declarations

HERE = Path(__file__).parent
WIDTH = 80  # columns of the help

_CLI = """# Command line

This page shows the help of every command. `docs/generate.py` writes it.

Results go to standard output, everything else to standard error. `-` stands for standard input. `--` ends the options:
after it, a text or the name of a file may begin with a dash, as in `charlm score -- "-5 degrees"`. The value of an
option may always begin with a dash. With `--json`, a command prints one compact JSON object per line. `--debug` shows
the traceback of an error. `NO_COLOR` turns colors off; `FORCE_COLOR` turns them on in a pipe.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | failed |
| 2 | usage: a name that does not exist, or an option out of range |
| 3 | the model is missing or unusable |
| 4 | another process is training the model |
| 130, 143, 129 | stopped by Ctrl-C, by SIGTERM, by SIGHUP |
"""

_API = """# Python

This page shows everything that `import charlm` offers. `docs/generate.py` writes it from the docstrings.

```python
import charlm

model = charlm.load("corpus")
print(model.score("the cat sat").bits_per_char)
print(model.next_token_probabilities("the c")[:3])
adapted = model.adapted("dynamic")  # learns from text to text; `model` does not change
first, second = adapted.score(["the cat sat", "the cat sat"])
print(first.logprob, second.logprob)  # the second text is better predicted
model = charlm.train("corpus.txt", minutes=1, folder="checkpoints/mine")
```

Importing charlm does not import torch; the first use of a name does. [The guide](guide/python.md) is a tour.

Several threads, an event loop, and forked children may use one model at the same time. A model can be pickled. A child
that is forked begins with one thread of torch. Runs of `charlm.train` in several threads give the same weights as one
after the other.
"""
_KEYWORDS = '''"""Keywords of public functions, for type checkers. `docs/generate.py` writes this file; do not edit it.

At run time, the samplers and the configurations themselves decide.
"""

from typing import TypedDict
'''
_SAMPLER_KEYWORDS = "Settings of the samplers in charlm/generation/samplers/."
_SETTING_KEYWORDS = "Fields of ModelConfig and TrainConfig, except two that `train` also takes as objects."
_OBJECTS = ("tokenizer", "start_from")
_SAMPLERS = "Keywords of `sample`, `stream`, and `generate`. They apply in this order, after `must_match`."
_GROUPS = {
    "Functions": lambda thing: inspect.isroutine(thing),
    "The model": lambda thing: thing is charlm.LanguageModel,
    "Results": lambda thing: inspect.isclass(thing) and not issubclass(thing, Exception) and not _is_setting(thing),
    "Settings": lambda thing: inspect.isclass(thing) and _is_setting(thing),
    "Errors": lambda thing: inspect.isclass(thing) and issubclass(thing, Exception),
}


def pages() -> dict[Path, str]:
    """Return the generated files, with the text that they should have."""
    return {
        HERE / "cli.md": command_line(),
        HERE / "python-api.md": python_api(),
        HERE.parent / "charlm" / "keywords.py": typed_keywords(),
    }


def command_line() -> str:
    return "\n".join([_CLI, *(f"## {name}\n\n```text\n{text}```\n" for name, text in _helps(["charlm"]))])


def _helps(command: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the help of a command, then the help of each command that it lists."""
    printed = io.StringIO()
    with (
        patch.dict(os.environ, {"COLUMNS": str(WIDTH), "NO_COLOR": "1"}),
        redirect_stdout(printed),
        suppress(SystemExit),
    ):
        cli.main([*command[1:], "--help"])
    text = printed.getvalue().rstrip() + "\n"
    yield " ".join(command), text
    group: Any = get_command(cli.app)
    for name in command[1:]:
        group = group.commands[name]
    for name in getattr(group, "commands", ()):
        yield from _helps([*command, name])


def python_api() -> str:
    parts = [_API]
    public = {name: getattr(charlm, name) for name in charlm.__all__ if not name.startswith("__")}
    for title, belongs in _GROUPS.items():
        members = {name: thing for name, thing in public.items() if belongs(thing)}
        for name in members:
            del public[name]
        parts += [f"## {title}\n", *(_described(name, thing) for name, thing in members.items())]
        parts += [_samplers()] * (title == "Settings")
    assert not public, f"no group has {', '.join(public)}"
    return "\n".join(parts)


def typed_keywords() -> str:
    """Return a module in which type checkers find the keywords that variants and configurations declare."""
    samplers = {option.name: str(option.type | None) for option in _sampler_options()}
    configured = [*fields(charlm.ModelConfig), *fields(charlm.TrainConfig)]
    settings = {each.name: inspect.formatannotation(each.type) for each in configured if each.name not in _OBJECTS}
    classes = (
        _typed_dict("SamplerKeywords", _SAMPLER_KEYWORDS, samplers),
        _typed_dict("SettingKeywords", _SETTING_KEYWORDS, settings),
    )
    return "\n\n".join([_KEYWORDS, *classes])


def _typed_dict(name: str, docstring: str, types: dict[str, str]) -> str:
    lines = (f"    {each}: {annotation}\n" for each, annotation in types.items())
    return f'class {name}(TypedDict, total=False):\n    """{docstring}"""\n\n{"".join(lines)}'


def _is_setting(thing: type) -> bool:
    return thing.__name__.endswith("Config") or thing is charlm.Plan


def _described(name: str, thing: object) -> str:
    if isinstance(thing, type):
        return _class(name, thing)
    node = _node(thing)
    return f"### {name}\n\n```text\ncharlm.{_signature(node, thing)}\n```\n\n{_docstring(thing, _names(node, thing))}\n"


def _class(name: str, kind: type) -> str:
    """Describe a class with its fields and methods, those of its bases first; an error has only a docstring."""
    own = [base for base in reversed(kind.__mro__) if base.__module__.startswith("charlm.")]
    base = own[-2].__name__ if len(own) > 1 and issubclass(kind, Exception) else ""
    derived = f"A `{base}`. " if base else ""
    fields = [field for each in own for field in _fields(each)]
    names = re.findall(r"^- `(\w+):", "\n".join(fields), flags=re.MULTILINE)
    said = _docstring(kind, names)
    for number, field_name in enumerate(names):  # what the docstring says of a field goes to the field
        item = re.search(rf"\n*^- `{field_name}`(: .*)$", said, flags=re.MULTILINE)
        if item:
            fields[number], said = fields[number] + item[1], said.replace(item[0], "")
    parts = [f"### {name}\n\n{derived}{said}\n"]
    if issubclass(kind, Exception):
        return parts[0]
    if fields:
        parts.append("\n".join(fields) + "\n")
    methods = {method.name: (each, method) for each in own for method in _methods(each)}
    return "\n".join([*parts, *(_method(kind, *pair) for pair in methods.values())])


def _methods(kind: type) -> Iterator[ast.FunctionDef]:
    for node in _node(kind).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node):
            yield node


def _method(kind: type, home: type, method: ast.FunctionDef) -> str:
    title, member = f"#### {kind.__name__}.{method.name}\n\n", inspect.getattr_static(home, method.name)
    if isinstance(member, property):
        returned = f"`{ast.unparse(method.returns)}`. " if method.returns else ""
        return f"{title}{returned}{_docstring(member.fget)}\n"
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    return f"{title}```text\n{_signature(method, function)}\n```\n\n{_docstring(function, _names(method, function))}\n"


def _fields(kind: type) -> Iterator[str]:
    """Yield each field of a dataclass or named tuple: its type, its default, and the comment that explains it."""
    lines = dedent(inspect.getsource(kind)).splitlines()
    for node in _node(kind).body:
        if not isinstance(node, ast.AnnAssign) or "ClassVar" in ast.unparse(node.annotation):
            continue
        if ast.unparse(node.target).startswith("_"):
            continue
        _, _, comment = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")
        default = f" = {ast.unparse(node.value)}" if node.value else ""
        said = f": {_escaped(comment)}" if comment else ""
        yield f"- `{ast.unparse(node.target)}: {ast.unparse(node.annotation)}{default}`{said}"


def _node(thing: object) -> ast.ClassDef | ast.FunctionDef:
    (node,) = ast.parse(dedent(inspect.getsource(thing))).body  # type: ignore[arg-type]
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    return node


def _signature(node: ast.ClassDef | ast.FunctionDef, function: object) -> str:
    """Format a call with its annotations, one parameter per line if they do not fit on one."""
    assert isinstance(node, ast.FunctionDef)
    parameters = list(_parameters(node.args, function))
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{node.name}({', '.join(parameters)}){returned}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{node.name}(", *(f"    {each}," for each in parameters), f"){returned}"])


def _parameters(arguments: ast.arguments, function: object) -> Iterator[str]:
    """Yield each parameter but `self`, and the keywords that the function shows in place of `**keywords`."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
    named = [each for each in zip(positional, defaults, strict=True) if each[0].arg not in ("self", "cls")]
    yield from (_parameter(*each) for each in named)
    if arguments.vararg:
        yield f"*{_parameter(arguments.vararg, None)}"
    shown = getattr(function, "__signature__", None)  # of a function whose keywords are declared elsewhere
    if (arguments.kwonlyargs or shown) and not arguments.vararg:
        yield "*"
    yield from (_parameter(*each) for each in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    if shown:
        written = {each.arg for each in [*positional, *arguments.kwonlyargs]}
        yield from (str(each) for name, each in shown.parameters.items() if name not in written)
    elif arguments.kwarg:
        yield f"**{_parameter(arguments.kwarg, None)}"


def _sampler_options() -> list[Option]:
    return [option for each in declarations("generation.samplers") for option in each.options]


def _samplers() -> str:
    items = (
        f"- `{option.name}: {option.type.__name__}{'' if option.required else f' = {option.default!r}'}`: {option.help}"
        for option in _sampler_options()
    )
    return "\n".join([f"### Samplers\n\n{_SAMPLERS}\n", *items, ""])


def _names(node: ast.ClassDef | ast.FunctionDef, function: object) -> list[str]:
    assert isinstance(node, ast.FunctionDef)
    named = [match[0] for each in _parameters(node.args, function) if (match := re.search(r"\w+", each))]
    return [*named, node.args.kwarg.arg] if node.args.kwarg else named


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + (f" = {ast.unparse(default)}" if default else "")


def _docstring(thing: object, parameters: Collection[str] = ()) -> str:
    """Return the docstring in Markdown; what it says of each parameter becomes an item of a list."""
    paragraphs = inspect.getdoc(thing) or ""
    return "\n\n".join(_escaped(_listed(each, parameters)) for each in paragraphs.split("\n\n"))


def _listed(paragraph: str, parameters: Collection[str]) -> str:
    """Turn "source: a path. valid: held-out text." into a list, if it begins with the name of a parameter."""
    names = "|".join(parameters)
    if not names or not re.match(rf"({names}): ", paragraph):
        return paragraph
    said = re.split(rf"(?:^|(?<=[.;)]) )({names}): ", " ".join(paragraph.split()))[1:]
    return "\n".join(f"- `{name}`: {text}" for name, text in zip(said[::2], said[1::2], strict=True))


def _escaped(text: str) -> str:
    """Escape text for Markdown, so that <EOS> outside code is not HTML."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line.startswith("    "):
            parts = line.split("`")
            parts[::2] = [re.sub(r"([<*])", r"\\\1", part) for part in parts[::2]]
            lines[number] = "`".join(parts)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = False
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale = True
            print(f"{path.name} {'is stale; run docs/generate.py' if check else 'written'}", file=sys.stderr)
            if not check:
                path.write_text(text, encoding="utf-8")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
