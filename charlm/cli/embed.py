"""charlm embed: the vectors of a model's tokens."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.help_page import HelpPage, command_group
from charlm.cli.models import load_model, say_model
from charlm.cli.options import Json, Model, Overwrite, Quiet, optional, output_option
from charlm.cli.output import say, say_renamed, write, write_json
from charlm.errors import ConfigError
from charlm.files.atomic import check_output
from charlm.wording import plural

if TYPE_CHECKING:
    from charlm.analysis.vectors import Match, Vectors

_WIDTH = 60  # columns of the text
_SIDES = ("input", "output")

Side = Annotated[
    str | None,
    optional(
        "input: vectors of the embedding; output: vectors of the readout.",
        "output if tokens are characters, input for others and to export",
        choices=_SIDES,
    ),
]

app = command_group("Look up, draw or export the vectors of a model's tokens.")


@app.command(cls=HelpPage)
def neighbors(
    word: Annotated[str, typer.Argument(metavar="WORD", help="A token of the model: a word, or a character.")],
    model: Model = None,
    side: Side = None,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of neighbors.")] = 10,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the tokens whose vectors are most similar to that of WORD.

    The measure is the cosine of the angle between two vectors; 1 means the same direction.

    Example: charlm embed neighbors king --model tales
    """
    vectors = _vectors(model, side, quiet)
    matches = vectors.neighbors(word, count)
    if json:
        write_json({"word": word, "neighbors": _values(matches), **_coverage(vectors)})
    else:
        write(f"nearest to {word!r}, by cosine\n{_lines(matches)}{_filled(vectors.coverage())}")


@app.command(cls=HelpPage)
def analogy(
    a: Annotated[str, typer.Argument(metavar="A", help='First word: "A is to B as C is to …"')],
    b: Annotated[str, typer.Argument(metavar="B", help="Second word.")],
    c: Annotated[str, typer.Argument(metavar="C", help="Third word.")],
    model: Model = None,
    side: Side = None,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of answers by each rule.")] = 5,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Complete an analogy: A is to B as C is to …

    The answer to man, woman and king is queen, if the model has learned it. There are two rules: the sum of cosines
    (3CosAdd) and their product (3CosMul). A, B and C are never the answer.

    Example: charlm embed analogy man woman king --model tales
    """
    vectors = _vectors(model, side, quiet)
    answers = vectors.analogy(a, b, c, count)
    if json:
        rules = {"3CosAdd": _values(answers.add), "3CosMul": _values(answers.multiply)}
        write_json({"a": a, "b": b, "c": c, **rules, **_coverage(vectors)})
        return
    write(f"{a!r} is to {b!r} as {c!r} is to\n")
    for name, matches in (("3CosAdd", answers.add), ("3CosMul", answers.multiply)):
        write(f"{name}\n{_lines(matches)}")
    write(_filled(f"{vectors.coverage()}; the three words of the question are left out too"))


@app.command("map", cls=HelpPage)
def draw_map(
    model: Model = None,
    side: Side = None,
    output: Annotated[
        Path | None,
        output_option("Picture to write: .svg, .html or .png. Default: MODEL-map.svg in this folder."),
    ] = None,
    overwrite: Overwrite = False,
    method: Annotated[
        str, typer.Option(help="pca: principal components; tsne: t-SNE, which needs scikit-learn.")
    ] = "pca",
    count: Annotated[
        int, typer.Option("--count", "-n", help="Number of tokens: the first ones of the vocabulary.")
    ] = 500,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw a map of the tokens.

    Tokens with similar vectors are near each other.

    Example: charlm embed map --model tales --output map.html
    """
    name = existing_folder(model).resolve().name
    path = output or Path(f"{name}-map.svg")
    check_output(path, overwrite)  # before the work
    vectors = _vectors(model, side, quiet)
    from charlm.analysis.projection import make_map
    from charlm.pages import embedding_map

    token_map = make_map(vectors, method, count)
    embedding_map.write(token_map, path, name)
    say(token_map.caption, quiet)
    if json:
        points = zip(token_map.tokens, token_map.points.tolist(), strict=True)
        symbols = [{"symbol": token, "x": x, "y": y} for token, (x, y) in points]
        write_json({"path": str(path), "method": method, "caption": token_map.caption, "symbols": symbols})
    else:
        write(f"{path}\n")


@app.command(cls=HelpPage)
def export(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", hidden=True)] = None,
    output: Annotated[Path | None, output_option("File to write.")] = None,
    overwrite: Overwrite = False,
    model: Model = None,
    side: Side = _SIDES[0],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the vectors in word2vec's text format.

    Other programs read this format, and so does charlm train --embedding-file. A space in a token is written as
    \\x20, a newline as \\n, a backslash twice.

    Example: charlm embed export --model tales --output vectors.txt
    """
    if file is not None:
        say_renamed("the argument FILE", "--output FILE", quiet)
        output = output or file
    if output is None:
        raise ConfigError("no output file given; name one with --output")
    check_output(output, overwrite)  # before the work
    vectors = _vectors(model, side, quiet)
    from charlm.files import word2vec

    word2vec.write(output, vectors.tokens, vectors.matrix)
    count, width = vectors.matrix.shape
    if json:
        write_json({"path": str(output), "symbols": count, "size": width})
    else:
        say(f"{plural(count, 'vector')} of {plural(width, 'number')}", quiet)
        write(f"{output}\n")


def _vectors(model: str | None, side: str | None, quiet: bool) -> "Vectors":
    folder = existing_folder(model)
    language_model = load_model(folder, quiet)
    from charlm.analysis.vectors import Vectors, comparable_side

    vectors = Vectors.of(language_model, side or comparable_side(language_model))
    say_model(folder, model, quiet)
    return vectors


def _values(matches: "list[Match]") -> list[dict[str, object]]:
    return [{"symbol": each.token, "score": each.score} for each in matches]


def _lines(matches: "list[Match]") -> str:
    return "".join(f"  {each.score:7.4f}  {each.token!r}\n" for each in matches)


def _filled(sentence: str) -> str:
    return f"{fill(sentence, _WIDTH)}\n"


def _coverage(vectors: "Vectors") -> dict[str, int]:
    return {"sought_among": int(vectors.learned.sum()), "symbols": len(vectors.tokens)}
