"""Completions over HTTP: their values are those of `sample` and `score`, whatever else is drawn meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest
from serving import Address

import charlm

openai = pytest.importorskip("openai", reason="the package openai is not installed")

FIXTURES = {
    "lines": "served_lines",
    "stream": "served_stream",
    "stream-subword": "served_pieces",
    "counted": "served_counted",
}
SAMPLED = {"seed": 5, "temperature": 0.8}


@pytest.fixture(scope="module")
def client(server: Address) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)


def test_the_models_are_listed_by_name(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["lines", "stream", "stream-subword", "counted", "films"]
    assert client.models.retrieve("lines").owned_by == "charlm"
    with pytest.raises(openai.NotFoundError, match=r"there is no model 'line', only lines.*did you mean lines"):
        client.models.retrieve("line")


@pytest.mark.parametrize(
    ("name", "prompt"),
    [("lines", "the c"), ("stream", "And the"), ("stream-subword", "the wor"), ("counted", "the c")],
)
def test_a_text_is_that_of_sample_with_the_same_seed(
    client: Any, request: pytest.FixtureRequest, name: str, prompt: str
) -> None:
    model: charlm.LanguageModel = request.getfixturevalue(FIXTURES[name])
    for top_p, text in product((None, 0.7), (prompt, "")):
        answer = client.completions.create(
            model=name, prompt=text, max_tokens=25, n=3, logprobs=2, **SAMPLED, **({"top_p": top_p} if top_p else {})
        )
        samples = model.sample(text, count=3, length=25, top_p=top_p, **SAMPLED)
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        assert [choice.text for choice in answer.choices] == [sample.text for sample in samples]
        reasons = {"length": "length", "eos": "stop"}
        assert [choice.finish_reason for choice in answer.choices] == [reasons[sample.stopped] for sample in samples]
        for choice, sample in zip(answer.choices, samples, strict=True):
            assert choice.logprobs and choice.logprobs.token_logprobs and choice.logprobs.top_logprobs
            assert len(choice.logprobs.token_logprobs) == sample.tokens
            assert sum(choice.logprobs.token_logprobs) == pytest.approx(sample.logprob, abs=1e-5)
            assert all(len(each) in (2, 3) for each in choice.logprobs.top_logprobs)
        assert answer.usage and answer.usage.completion_tokens == sum(sample.tokens for sample in samples)
        assert answer.usage.prompt_tokens == len(model.tokenizer.encode(text))


def test_log_probabilities_are_the_models_own_before_temperature_and_top_p(
    client: Any, served_stream: charlm.LanguageModel
) -> None:
    answer = client.completions.create(
        model="stream", prompt="In", max_tokens=8, logprobs=1, temperature=0, top_p=0.2, seed=1
    )
    choice = answer.choices[0]
    assert choice.logprobs and choice.logprobs.token_logprobs
    score = served_stream.score("In" + choice.text)
    assert choice.logprobs.token_logprobs == pytest.approx(score.logprobs[2:], abs=1e-5)


def test_what_is_drawn_beside_a_text_does_not_change_it(server: Address, served_stream: charlm.LanguageModel) -> None:
    """Sixty-four requests at a time, with other lengths, samplers and prompts, some of them in parts."""

    def ask(number: int) -> tuple[str, float]:
        values: dict[str, Any] = {"model": "stream", "prompt": "And"[: number % 4], "max_tokens": 5 + number}
        values |= {"seed": number, "temperature": 0.5 + number / 64, "logprobs": 0, "stream": number % 2 == 1}
        reply = server.post("/v1/completions", **values)
        parts = reply.events if number % 2 else [reply.values]
        choices = [choice for part in parts for choice in part["choices"]]
        logprobs = [value for choice in choices for value in choice["logprobs"]["token_logprobs"]]
        return "".join(choice["text"] for choice in choices), sum(logprobs)

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(ask, range(64)))
    for number, (text, logprob) in enumerate(answers):
        temperature = 0.5 + number / 64
        sample = served_stream.sample("And"[: number % 4], length=5 + number, seed=number, temperature=temperature)[0]
        assert text == sample.text
        assert logprob == pytest.approx(sample.logprob, abs=1e-4)


@pytest.mark.parametrize("max_tokens", [0, 1])
@pytest.mark.parametrize("name", ["lines", "stream", "stream-subword"])
def test_an_echo_with_log_probabilities_has_those_of_score(
    client: Any, request: pytest.FixtureRequest, name: str, max_tokens: int
) -> None:
    model: charlm.LanguageModel = request.getfixturevalue(FIXTURES[name])
    text = "the cats sat" if name == "lines" else "And the word was"
    ids = model.tokenizer.encode(text).tolist()
    prompts: list[Any] = [text, ids, [model.tokenizer.START, *ids]]
    score = model.score(text, eos=False, alternatives=3)
    for prompt in prompts:
        answer = client.completions.create(
            model=name, prompt=prompt, max_tokens=max_tokens, echo=True, logprobs=3, temperature=0
        )
        choice = answer.choices[0]
        table = choice.logprobs
        assert choice.text.startswith(text) and table
        assert table.tokens and table.token_logprobs and table.top_logprobs and table.text_offset
        marked = prompt == prompts[2]
        if marked:
            assert (table.tokens[0], table.token_logprobs[0], table.top_logprobs[0]) == ("<START>", None, None)
        values = table.token_logprobs[marked : len(ids) + marked]
        assert values == pytest.approx(score.logprobs, abs=1e-5)
        assert table.tokens[marked : len(ids) + marked] == score.tokens
        assert len(table.tokens) == len(ids) + marked + max_tokens
        assert score.alternatives
        for best, expected in zip(table.top_logprobs[marked:], score.alternatives, strict=False):
            assert {token: best[token] for token, _ in expected if token} == pytest.approx(
                {token: logprob for token, logprob in expected if token}, abs=1e-5
            )
        lengths = np.diff([*table.text_offset[marked:], len(choice.text)]).tolist()
        assert lengths[: len(ids)] == model.tokenizer.lengths(text, model.tokenizer.encode(text)).tolist()


def test_a_prompt_may_be_empty(client: Any) -> None:
    answer = client.completions.create(model="lines", prompt="", max_tokens=0, echo=True, logprobs=1)
    assert answer.choices[0].text == "" and answer.usage and answer.usage.total_tokens == 0
    answer = client.completions.create(model="lines", prompt=["", []], max_tokens=3)
    assert len(answer.choices) == 2


def test_several_prompts_are_answered_in_order(client: Any, served_stream: charlm.LanguageModel) -> None:
    answer = client.completions.create(model="stream", prompt=["In", "And"], n=2, max_tokens=6, seed=3)
    expected = [
        sample.text for prompt in ("In", "And") for sample in served_stream.sample(prompt, count=2, length=6, seed=3)
    ]
    assert [choice.text for choice in answer.choices] == expected
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]


def test_a_text_ends_before_the_first_stop_text(client: Any, served_stream: charlm.LanguageModel) -> None:
    whole = served_stream.sample("In", length=200, seed=8)[0].text
    first = max(whole.index(letter) for letter in set(whole[3:150]))  # the letter there has not occurred before
    within = [whole[first - 1 : first + 3], whole[first]]  # the second begins later and ends earlier
    for stops in (whole[9], [whole[60:63], whole[40:44]], ["zzz", whole[25]], within):
        each = [stops] if isinstance(stops, str) else stops
        ends = [(whole.index(stop) + len(stop), whole.index(stop)) for stop in each if stop in whole]
        answer = client.completions.create(model="stream", prompt="In", max_tokens=200, seed=8, stop=stops)
        assert answer.choices[0].text == whole[: min(ends)[1]]
        assert answer.choices[0].finish_reason == "stop"


def test_a_stream_has_the_parts_of_the_text_and_its_usage(client: Any) -> None:
    asked: dict[str, Any] = {"model": "stream", "prompt": "In", "max_tokens": 150, "n": 2, "seed": 4, "echo": True}
    whole = client.completions.create(**asked)
    parts = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    texts, reasons = ["", ""], [None, None]
    for part in parts:
        for choice in part.choices:
            assert reasons[choice.index] is None
            texts[choice.index] += choice.text
            reasons[choice.index] = choice.finish_reason
    assert texts == [choice.text for choice in whole.choices]
    assert reasons == ["length", "length"]
    assert parts[-1].choices == [] and parts[-1].usage == whole.usage
    assert len({part.id for part in parts}) == 1


def test_without_a_seed_a_choice_names_its_own(client: Any) -> None:
    first = client.completions.create(model="stream", prompt="In", max_tokens=30)
    seed = first.choices[0].seed
    again = client.completions.create(model="stream", prompt="In", max_tokens=30, seed=seed)
    assert again.choices[0].text == first.choices[0].text


def test_an_unknown_character_is_refused_or_read_as_the_client_says(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=r"does not know 'é'.*send .unknown.: .unk. or .skip."):
        client.completions.create(model="stream", prompt="é", max_tokens=2)
    for policy in ("unk", "skip"):
        client.completions.create(model="stream", prompt="é", max_tokens=2, extra_body={"unknown": policy})
    echoed = client.completions.create(model="stream", prompt="é", max_tokens=0, echo=True, logprobs=0)
    assert echoed.choices[0].logprobs and echoed.choices[0].logprobs.tokens == ["<UNK>"]


def test_a_token_that_cannot_occur_has_a_number_that_clients_can_add_up(server: Address) -> None:
    reply = server.post("/v1/completions", model="lines", prompt=[1, 1], max_tokens=0, echo=True, logprobs=1)
    assert reply.values["choices"][0]["logprobs"]["token_logprobs"] == [None, -9999.0]
