"""charlm embed: what the vectors of the symbols say."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from charlm.checkpoints import model_paths
from charlm.cli.options import Json, Model, Quiet, optional
from charlm.cli.output import say, write, write_json
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.analysis.vectors import Near, Vectors

_WIDTH = 60  # columns that every terminal has
_SIDES = ("input", "output")

Side = Annotated[
    str, optional("input: rows of the embedding; output: those of the readout.", _SIDES[0], choices=_SIDES)
]

app = typer.Typer(help="What the vectors of the symbols say.", no_args_is_help=True)


@app.command()
def neighbors(
    word: Annotated[str, typer.Argument(metavar="WORD", help="A symbol of the model: a word, or a character.")],
    model: Model = None,
    side: Side = _SIDES[0],
    count: Annotated[int, typer.Option(help="How many.")] = 10,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """The symbols whose vectors point most nearly the same way.

    Example: charlm embed neighbors king --model tales
    """
    vectors = _vectors(model, side, quiet)
    found = vectors.neighbors(word, count)
    if json:
        write_json({"word": word, "neighbors": _values(found), **_coverage(vectors)})
    else:
        write(f"near {word!r}, by cosine\n{_lines(found)}{_told(vectors.coverage())}")


@app.command()
def analogy(
    a: Annotated[str, typer.Argument(metavar="A", help="A is to")],
    b: Annotated[str, typer.Argument(metavar="B", help="B as")],
    c: Annotated[str, typer.Argument(metavar="C", help="C is to what is sought.")],
    model: Model = None,
    side: Side = _SIDES[0],
    count: Annotated[int, typer.Option(help="How many answers of either rule.")] = 5,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What is to C as B is to A: queen is to king as woman is to man.

    By the sum and by the product of cosines (3CosAdd and 3CosMul); A, B and C are never the answer.

    Example: charlm embed analogy man woman king --model tales
    """
    vectors = _vectors(model, side, quiet)
    found = vectors.analogy(a, b, c, count)
    if json:
        answers = {"3CosAdd": _values(found.add), "3CosMul": _values(found.multiply)}
        write_json({"a": a, "b": b, "c": c, **answers, **_coverage(vectors)})
        return
    write(f"{a!r} is to {b!r} as {c!r} is to\n")
    for name, nearest in (("3CosAdd", found.add), ("3CosMul", found.multiply)):
        write(f"{name}\n{_lines(nearest)}")
    write(_told(f"{vectors.coverage()}; so are the three asked about"))


@app.command("map")
def draw(
    model: Model = None,
    side: Side = _SIDES[0],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .svg, .html or .png. Default: MODEL-map.svg in this folder.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="pca: principal components; tsne: neighborhoods, by scikit-learn.")
    ] = "pca",
    count: Annotated[int, typer.Option(help="Symbols drawn, the first of the vocabulary.")] = 500,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw the symbols on a plane, each at the place of its vector.

    Example: charlm embed map --model tales --output map.html
    """
    path = output or Path(f"{model_paths.existing_folder(model).name}-map.svg")
    vectors = _vectors(model, side, quiet)
    from charlm.analysis import projection
    from charlm.pages import embedding_map

    found = projection.lay_out(vectors, method, count)
    embedding_map.write(found, path)
    say(found.caption, quiet)
    if json:
        symbols = [
            {"symbol": name, "x": x, "y": y} for name, (x, y) in zip(found.symbols, found.points.tolist(), strict=True)
        ]
        write_json({"path": str(path), "method": method, "caption": found.caption, "symbols": symbols})
    else:
        write(f"{path}\n")


@app.command()
def export(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    model: Model = None,
    side: Side = _SIDES[0],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the vectors in the text format of word2vec, for other programs.

    A space in a symbol is written \\x20, a newline \\n, a backslash twice; `train --embedding-file` reads that back.

    Example: charlm embed export vectors.txt --model tales
    """
    vectors = _vectors(model, side, quiet)
    from charlm.files import word2vec

    word2vec.write(output, vectors.symbols, vectors.matrix)
    count, width = vectors.matrix.shape
    if json:
        write_json({"path": str(output), "symbols": count, "size": width})
    else:
        say(f"{count:,} vectors of {width:,} numbers", quiet)
        write(f"{output}\n")


def _vectors(model: str | None, side: str, quiet: bool) -> "Vectors":
    folder = model_paths.existing_folder(model)
    with importing():
        from charlm.analysis.vectors import Vectors
        from charlm.checkpoints.checkpoint import load
    say(f"model {folder}", quiet or model is not None)
    return Vectors.of(load(folder), side)


def _values(found: "list[Near]") -> list[dict[str, object]]:
    return [{"symbol": each.symbol, "score": each.score} for each in found]


def _lines(found: "list[Near]") -> str:
    return "".join(f"  {each.score:7.4f}  {each.symbol!r}\n" for each in found)


def _told(sentence: str) -> str:
    return f"{fill(sentence, _WIDTH)}\n"


def _coverage(vectors: "Vectors") -> dict[str, int]:
    return {"sought_among": int(vectors.learned.sum()), "symbols": len(vectors.symbols)}
