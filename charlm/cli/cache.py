"""charlm cache: list or clear the files that charlm keeps for large corpora."""

from typing import Annotated

import typer

from charlm.cli.options import Json, Quiet
from charlm.cli.output import say, write, write_json, write_lines
from charlm.data import cache as disk_cache


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete all files in the cache; charlm makes them again when needed.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List or clear the files that charlm keeps for large corpora.

    If a corpus does not fit into memory, charlm stores its token ids in the cache, two or four bytes per token. It also
    stores what the counts of its n-grams say about each counted token, about eleven bytes.

    Example: charlm cache --clear
    """
    entries = disk_cache.entries()
    if clear:
        freed = disk_cache.clear()
        if json:
            write_json({"folder": str(disk_cache.folder()), "freed": freed})
        else:
            write(f"freed {_megabytes(freed)} in {disk_cache.folder()}\n")
        return

    from charlm.data.entries import description
    from charlm.data.token_store import ABOUT as IDS
    from charlm.tasks.text.stored_counts import ABOUT as COUNTS

    for path, size in entries:
        ids, counts = (description(path, name) for name in (IDS, COUNTS))
        about = ids or counts or {}
        if json:
            values = {name: about.get(name) for name in ("corpus", "tokenizer", "characters")}
            write_json({"path": str(path), "bytes": size, **values, "counts": counts is not None})
        else:
            names = " ".join(map(str, about.get("corpus") or ["incomplete, or in use"]))
            write_lines(f"{_megabytes(size):>12}  {path.name[:12]}  {'counts of ' * bool(counts)}{names}\n")
    say(f"{_megabytes(sum(size for _, size in entries))} in {disk_cache.folder()}", quiet)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
