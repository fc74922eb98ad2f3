"""How drawn texts reach the requests that wait for them."""

import asyncio
import time
from typing import Any

import pytest

import charlm

pytest.importorskip("starlette", reason="the extra `serve` is not installed")


def test_a_stream_that_falls_behind_gets_what_it_missed_in_one_part(served_stream: charlm.LanguageModel) -> None:
    """The event loop stands still after the first part, until the whole text is drawn."""
    from charlm.server.batch import Batch
    from charlm.server.completion_request import completion_request
    from charlm.server.completions import Completions
    from charlm.server.engine import Engine
    from charlm.server.fields import Fields
    from charlm.server.limits import Limits

    fields = Fields({"prompt": "In", "max_tokens": 1000, "seed": 2, "stream": True})

    async def parts() -> list[list[dict[str, Any]]]:
        engine, batch = Engine(), Batch(served_stream.network, served_stream.tokenizer.EOS)
        engine.start()
        try:
            completions = Completions(served_stream, batch, engine, completion_request(fields, Limits()))
            await completions.read(100)
            received = []
            async for together in completions.parts():
                received.append(together)
                while batch.size:
                    time.sleep(0.001)
            return received
        finally:
            engine.stop()

    received = asyncio.run(parts())
    assert len(received) <= 2 and all(len(together) == 1 for together in received)
    text = "".join(each["choices"][0]["text"] for together in received for each in together)
    assert text == served_stream.sample("In", length=1000, seed=2)[0].text
    assert received[-1][0]["choices"][0]["finish_reason"] == "length"
