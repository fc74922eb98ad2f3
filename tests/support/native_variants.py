"""A plugin of pytest: the fixture `variant` runs a test on every instruction set of the compiled loops."""

from collections.abc import Iterator

import pytest


@pytest.fixture(params=["avx512", "avx2", "baseline"])
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run on one instruction set, and restore the previous one afterwards."""
    from charlm.compiled import forced
    from charlm.nn.native.library import VARIANTS, library

    compiled = library()
    if compiled is None:
        pytest.skip("no C compiler where charlm was installed")
    before = VARIANTS.get(forced(), -1)
    if compiled.choose(VARIANTS[request.param]) != VARIANTS[request.param]:
        compiled.choose(before)
        pytest.skip("this processor does not have it")
    yield request.param
    compiled.choose(before)
