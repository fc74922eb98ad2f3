"""Any number of processes and threads give the values of one, and none of them waits forever."""

import asyncio
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from conftest import LINES, QUICK, SMALL

import charlm
from charlm.nn.native import threads
from charlm.nn.native.threads import computing, use_threads

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # Python warns of what these tests show to be safe
]
TEXTS = ["the cat ran", "a dog slept", "the cats sat"] * 20
LONG = 60  # seconds; a child that takes longer hangs


def in_child(function: Callable[[], object]) -> str:
    """What a function returns in a forked child, as text; "hangs" if the child does not answer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, repr(function()).encode())
        except BaseException as error:
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        answered = select.select([answer], [], [], LONG)[0]
        if not answered:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return answer.read().decode() if answered else "hangs"


@pytest.fixture
def two_threads() -> Iterator[None]:
    """torch computes with two threads here, and its pool exists."""
    use_threads(2)
    torch.ones(300, 300) @ torch.ones(300, 300)
    yield
    use_threads(1)


@pytest.mark.usefixtures("two_threads")
def test_a_forked_child_scores_samples_and_trains_as_its_parent_does(line_model: charlm.LanguageModel) -> None:
    """With one thread to begin with, and with as many as the plan says."""

    def values() -> tuple[list[str], list[str], float]:
        scores = [*line_model.score_many(TEXTS), line_model.adapted("dynamic").score("the cat ran")]
        assert f"{line_model.evaluate(LINES).nats_per_token:.4f}" == nats
        trained = charlm.train("one two\n" * 50, SMALL, replace(QUICK, steps=2, threads=2))
        samples = line_model.sample(count=3, seed=1)
        return [f"{each.logprob:.4f}" for each in scores], [each.text for each in samples], trained.score("one").logprob

    nats = f"{line_model.evaluate(LINES).nats_per_token:.4f}"
    expected = repr(values())
    assert in_child(values) == expected
    assert in_child(torch.get_num_threads) == "1"
    assert torch.get_num_threads() == 2
    assert in_child(lambda: in_child(values)) == repr(expected)


def test_a_fork_waits_until_no_other_thread_computes() -> None:
    inside, over, forked = threading.Event(), threading.Event(), threading.Event()

    def compute() -> None:
        with computing(), computing():
            inside.set()
            over.wait(LONG)

    def fork() -> None:
        assert in_child(lambda: dict(threads._computing)) == "{}"
        forked.set()

    computer, forker = threading.Thread(target=compute), threading.Thread(target=fork)
    computer.start()
    inside.wait(LONG)
    forker.start()
    while not threads._forking:
        time.sleep(0.001)
    assert not forked.wait(0.05)
    over.set()
    assert forked.wait(LONG)
    computer.join()
    forker.join()
    assert not threads._forking and not threads._computing


def test_a_computation_waits_until_a_fork_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def compute() -> None:
        with computing():
            done.set()

    monkeypatch.setitem(threads._forking, -1, True)
    computer = threading.Thread(target=compute)
    computer.start()
    assert not done.wait(0.05)
    del threads._forking[-1]
    assert done.wait(LONG)
    computer.join()


def test_a_thread_may_fork_within_its_own_computation() -> None:
    with computing():
        assert in_child(lambda: len(threads._computing)) == "1"


def test_a_fork_waits_for_an_import_that_another_thread_has_begun() -> None:
    inside, over, forked = threading.Event(), threading.Event(), threading.Event()

    def load() -> None:
        with charlm._importing:
            inside.set()
            over.wait(LONG)

    def fork() -> None:
        assert in_child(lambda: charlm.ModelConfig.__name__) == "'ModelConfig'"
        forked.set()

    workers = threading.Thread(target=load), threading.Thread(target=fork)
    workers[0].start()
    inside.wait(LONG)
    workers[1].start()
    assert not forked.wait(0.05)
    over.set()
    assert forked.wait(LONG)
    for each in workers:
        each.join()


def test_the_threads_of_a_training_concern_no_other_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        use_threads(2)
        assert (torch.get_num_threads(), pool.submit(torch.get_num_threads).result()) == (2, 1)
        with ThreadPoolExecutor(1) as new:
            assert new.submit(torch.get_num_threads).result() == 1
        use_threads(1)
    assert torch.get_num_threads() == 1


def test_trainings_in_threads_give_the_weights_of_one_after_the_other() -> None:
    """Whatever else draws from torch's generator meanwhile."""
    shape, texts = replace(SMALL, dropout=0.3), ["one two\n" * 50, "three four\n" * 50]

    def disturb(event: object) -> None:
        torch.manual_seed(0)

    def train(number: int) -> bytes:
        config = replace(QUICK, steps=6, seed=number)
        model = charlm.train(texts[number % 2], shape, config, report=disturb)
        return b"".join(values.numpy().tobytes() for values in model.network.state_dict().values())

    alone = [train(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(train, range(4))) == alone


def test_eight_threads_an_event_loop_and_streams_in_turn_give_what_one_thread_gives(
    line_model: charlm.LanguageModel,
) -> None:
    def ask(number: int) -> tuple[object, ...]:
        samples = line_model.sample("the", seed=number, count=2, top_k=3, length=12)
        streamed = "".join(line_model.stream("a", seed=number, length=8))
        return [each.text for each in samples], streamed, round(line_model.score(TEXTS[number]).logprob, 4)

    async def serve() -> list[tuple[object, ...]]:
        return await asyncio.gather(*(asyncio.to_thread(ask, number) for number in range(16)))

    alone = [ask(number) for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(16))) == alone
    assert asyncio.run(serve()) == alone
    streams = [line_model.stream("the", seed=number, length=20) for number in range(3)]
    in_turn = ["", "", ""]
    for _ in range(60):
        for number, stream in enumerate(streams):
            in_turn[number] += next(stream, "")
    assert in_turn == ["".join(line_model.stream("the", seed=number, length=20)) for number in range(3)]
