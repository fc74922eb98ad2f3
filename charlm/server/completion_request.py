"""The fields of a request for completions."""

from dataclasses import dataclass
from typing import Any

from charlm.data.encoding import UnknownPolicy
from charlm.errors import ConfigError
from charlm.generation.samplers import Sampler, chain
from charlm.server.errors import RequestError
from charlm.server.fields import Fields, check_text
from charlm.server.limits import Limits
from charlm.settings import check_choice

DEFAULT_TOKENS = 16  # of a completion, as in the interface that other programs speak
_MOST_STOPS = 32
_POLICIES = ("error", "unk", "skip")
# Fields of the interface that charlm has nothing for, and the values that ask for nothing.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "suffix": ("",),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
}
_KNOWN = {
    *("model", "prompt", "max_tokens", "temperature", "top_p", "n", "seed", "stop", "stream", "stream_options", "echo"),
    *("logprobs", "best_of", "user", "unknown", *_WITHOUT_EFFECT),
}

Prompt = str | tuple[int, ...]


@dataclass(frozen=True)
class CompletionRequest:
    """What a client asks for.

    prompts: each a text, or token ids. count: completions of each. alternatives: likeliest tokens to report at each
    place; None: no log-probabilities. unknown: policy for a character of a prompt outside the vocabulary.
    """

    prompts: tuple[Prompt, ...]
    max_tokens: int
    count: int
    samplers: tuple[Sampler, ...]
    seed: int | None
    stops: tuple[str, ...]
    echo: bool
    alternatives: int | None
    stream: bool
    usage_in_stream: bool
    unknown: UnknownPolicy

    @property
    def reads_whole_prompt(self) -> bool:
        """Whether each token of the prompt is needed, so that none is taken back."""
        return not self.max_tokens or (self.echo and self.alternatives is not None)


def completion_request(fields: Fields, limits: Limits) -> CompletionRequest:
    """Check the fields of a request. Raises RequestError."""
    fields.only(_KNOWN)
    for name, nothing in _WITHOUT_EFFECT.items():
        if name in fields and fields.raw(name) not in nothing:
            raise RequestError(f"{name} is not supported; leave it out", param=name, code="unsupported_field")
    prompts = _prompts(fields.raw("prompt"))
    count = fields.whole("n", 1, 1, limits.choices) or 1
    if len(prompts) * count > limits.choices:
        raise RequestError(f"{len(prompts)} prompts with n={count} exceed {limits.choices} completions", param="n")
    if fields.whole("best_of", count, 1, limits.choices) != count:
        raise RequestError("best_of must equal n; use n", param="best_of", code="unsupported_field")
    max_tokens = fields.whole("max_tokens", min(DEFAULT_TOKENS, limits.tokens), 0, limits.tokens)
    echo, alternatives = fields.flag("echo"), fields.whole("logprobs", None, 0, limits.logprobs)
    unknown = fields.text("unknown") or ("unk" if echo else "error")
    settings = {
        "temperature": fields.number("temperature", 1.0, 0, 1e6),
        "top_p": fields.number("top_p", None, 0, 1, open_low=True),
    }
    options = fields.raw("stream_options") or {}
    if not isinstance(options, dict):
        raise RequestError("stream_options must be an object", param="stream_options")
    try:
        check_choice("unknown", unknown, _POLICIES)
    except ConfigError as error:
        raise RequestError(str(error), param="unknown") from None
    assert max_tokens is not None
    return CompletionRequest(
        prompts=prompts,
        max_tokens=max_tokens,
        count=count,
        samplers=tuple(chain(settings)),
        seed=fields.whole("seed", None, 0, 2**63 - 1),
        stops=_stops(fields),
        echo=echo,
        alternatives=alternatives,
        stream=fields.flag("stream"),
        usage_in_stream=bool(options.get("include_usage")),
        unknown=unknown,  # type: ignore[arg-type]
    )


def _prompts(value: Any) -> tuple[Prompt, ...]:
    if value is None or value == []:
        return ("",)
    if not isinstance(value, list) or _is_ids(value):
        value = [value]
    return tuple(_prompt(each) for each in value)


def _prompt(value: Any) -> Prompt:
    if isinstance(value, list) and _is_ids(value):
        return tuple(value)
    if not isinstance(value, str):
        raise RequestError("prompt must be a text, a list of token ids, or a list of these", param="prompt")
    check_text("prompt", value)
    return value


def _is_ids(value: list[Any]) -> bool:
    return all(type(each) is int for each in value)


def _stops(fields: Fields) -> tuple[str, ...]:
    stops = fields.texts("stop") or []
    if len(stops) > _MOST_STOPS:
        raise RequestError(f"stop has {len(stops)} texts; it may have {_MOST_STOPS}", param="stop")
    if "" in stops:
        raise RequestError("stop must not be empty", param="stop")
    return tuple(stops)
