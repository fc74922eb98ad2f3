"""Requests that read texts and draw none: scores, predictions, and the tokens of a text."""

from typing import Any

from charlm.data.encoding import encode
from charlm.language_model import LanguageModel
from charlm.scoring.score import ScoreOptions
from charlm.scoring.values import score_values
from charlm.server.completion_response import shown
from charlm.server.errors import RequestError
from charlm.server.fields import Fields
from charlm.server.limits import Limits
from charlm.server.served import Answer, Models, language_model
from charlm.tokenizers import Tokenizer

_SCORE = ("model", "text", "bos", "eos", "context", "unknown", "unit", "alternatives")
_TOKENIZE = ("model", "prompt", "add_special_tokens")
_MARK = "\ufdd0"  # a character that no text has; with it, the name of a control token is not a text


def score(models: Models, fields: Fields, limits: Limits) -> dict[str, Any]:
    """Return the scores of a text, or of each text of a list, as `charlm score --json` prints them."""
    fields.only(_SCORE)
    served = models.of(fields)
    model, _ = language_model(served)
    texts = _texts(fields, limits)
    context = fields.text("context", "") or ""
    _check_size(model, [context + text for text in texts], limits)
    options: ScoreOptions = {"bos": fields.flag("bos", True), "context": context}
    if unknown := fields.text("unknown"):
        options["unknown"] = unknown  # type: ignore[typeddict-item]
    if unit := fields.text("unit"):
        options["unit"] = unit  # type: ignore[typeddict-item]
    options["alternatives"] = fields.whole("alternatives", None, 0, limits.logprobs)
    eos = fields.flag("eos") if "eos" in fields else None
    scores = model.score_many(texts, eos=eos, **options)
    return {"model": served.name, "scores": [{**score_values(each), "base": "e"} for each in scores]}


def predict(models: Models, fields: Fields, limits: Limits, answer: Answer | None) -> dict[str, Any]:
    """Return the answer to a text, or to each text of a list, as `charlm predict --json` prints them."""
    served = models.of(fields)
    task = served.model.config.task
    if answer is None or isinstance(served.model, LanguageModel):
        message = f"{served.name} is a language model, which answers no questions; send it to /v1/completions"
        raise RequestError(message, param="model", code="wrong_task")
    texts = _texts(fields, limits) if "text" in fields else None
    answers = answer(served.model, texts, fields.rest(("model", "text")))
    return {"model": served.name, "task": task, "answers": answers}


def tokenizer_info(models: Models, fields: Fields, limits: Limits) -> dict[str, Any]:
    """Describe the vocabulary for `lm-eval`; the special tokens are texts that `tokenize` knows."""
    model, _ = language_model(models.of(fields))
    tokenizer = model.tokenizer
    return {
        "tokenizer_class": model.config.tokenizer,
        "vocab_size": tokenizer.size,
        "unk_token": _special(tokenizer, tokenizer.UNK),
        "bos_token": _special(tokenizer, tokenizer.START),
        "eos_token": _special(tokenizer, tokenizer.EOS),
        "chat_template": None,
    }


def tokenize(models: Models, fields: Fields, limits: Limits) -> dict[str, Any]:
    """Return the token ids of a text."""
    fields.only(_TOKENIZE)
    model, _ = language_model(models.of(fields))
    tokenizer, text = model.tokenizer, fields.text("prompt", "") or ""
    special = {_special(tokenizer, index): index for index in range(len(tokenizer.CONTROL))}
    if text in special:
        tokens = [special[text]]
    else:
        tokens = encode(tokenizer, text, "unk").ids.tolist()
        if fields.flag("add_special_tokens"):
            tokens = [tokenizer.START, *tokens]
    return {"count": len(tokens), "tokens": tokens}


def untokenize(models: Models, fields: Fields, limits: Limits) -> dict[str, Any]:
    """Return the text of token ids."""
    fields.only(("model", "tokens"))
    model, _ = language_model(models.of(fields))
    tokens, size = fields.raw("tokens"), model.tokenizer.size
    if not isinstance(tokens, list) or not all(type(each) is int and 0 <= each < size for each in tokens):
        raise RequestError(f"tokens must be a list of token ids from 0 to {size - 1:,}", param="tokens")
    return {"prompt": shown(model.tokenizer.decode(tokens))}


def _special(tokenizer: Tokenizer, index: int) -> str:
    return _MARK + tokenizer.CONTROL[index]


def _texts(fields: Fields, limits: Limits) -> list[str]:
    texts = fields.texts("text")
    if texts is None:
        raise RequestError("text is missing; give a text or a list of texts", param="text")
    if len(texts) > limits.choices:
        raise RequestError(f"text has {len(texts):,} texts; the limit is {limits.choices:,}", param="text")
    return texts


def _check_size(model: LanguageModel, texts: list[str], limits: Limits) -> None:
    size = sum(len(model.tokenizer.encode(text)) for text in texts)
    if size > limits.prompt:
        message = f"the texts have {size:,} tokens; the limit is {limits.prompt:,}"
        raise RequestError(message, param="text", code="context_length_exceeded")
