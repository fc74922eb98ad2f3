"""Group items into batches that fit in memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from charlm.errors import CharlmError

T = TypeVar("T")


def batches(
    items: Iterable[T], size: Callable[[T], int], max_size: int, max_items: int | None = None
) -> Iterator[list[T]]:
    """Yield the items in order, in batches of at most `max_items` whose sizes sum to at most `max_size`.

    An item larger than `max_size` is a batch of its own. A full batch is yielded at once, because the next item may
    come from a pipe. If the items end with an error of charlm, the error is raised after the batch of the items before
    it.
    """
    batch: list[T] = []
    total = 0
    failure = None
    rest = iter(items)
    while True:
        try:
            item = next(rest)
        except StopIteration:
            break
        except CharlmError as error:
            failure = error
            break
        item_size = size(item)
        if batch and total + item_size > max_size:
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += item_size
        if total >= max_size or len(batch) == max_items:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
    if failure:
        raise failure
