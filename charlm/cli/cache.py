"""charlm cache: what large corpora have left on disk."""

from typing import Annotated

import typer

from charlm.cli.options import Json, Quiet
from charlm.cli.output import say, write, write_json
from charlm.data import cache as kept


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete all of it; it is made again when it is needed.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show or clear the cache.

    The symbols of a corpus that is larger than what is held in memory lie there as numbers, two bytes each or four.

    Example: charlm cache --clear
    """
    found = kept.entries()
    if clear:
        freed = kept.clear()
        if json:
            write_json({"folder": str(kept.folder()), "freed": freed})
        else:
            write(f"{_megabytes(freed)} freed in {kept.folder()}\n")
        return

    from charlm.data.token_store import describe_entry

    for path, size in found:
        known = describe_entry(path) or {}
        if json:
            values = {name: known.get(name) for name in ("corpus", "tokenizer", "characters")}
            write_json({"path": str(path), "bytes": size, **values})
        else:
            names = " ".join(map(str, known.get("corpus") or ["unfinished, or in use"]))
            write(f"{_megabytes(size):>12}  {path.name[:12]}  {names}\n")
    say(f"{_megabytes(sum(size for _, size in found))} in {kept.folder()}", quiet)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
