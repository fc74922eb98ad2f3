"""Usage errors in one sentence: what is wrong on the command line, and what was probably meant."""

from collections.abc import Iterable
from typing import Any

from charlm.errors import ConfigError
from charlm.wording import nearest, shell_word

# What options and commands of other programs are called here.
_OPTIONS = {
    **dict.fromkeys(("n", "num", "num-samples", "samples", "number"), "count"),
    **dict.fromkeys(("max-length", "max-tokens", "max-new-tokens", "tokens", "n-predict"), "length"),
    **dict.fromkeys(("text", "start", "prime", "primer", "begin"), "prompt"),
    **dict.fromkeys(("rnn-size", "hidden-dim", "units", "width"), "hidden-size"),
    **dict.fromkeys(("bptt", "block-size", "seq-length", "sequence-length"), "seq-len"),
    **dict.fromkeys(("force", "replace"), "overwrite"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    **dict.fromkeys(("name", "checkpoint", "path"), "model"),
    **dict.fromkeys(("gpu", "cuda", "cpu"), "device"),
    **dict.fromkeys(("time", "budget"), "minutes"),
    **dict.fromkeys(("rnn-type", "architecture", "type"), "cell"),
    **dict.fromkeys(("input", "corpus", "text-file"), "file"),
    **dict.fromkeys(("out", "outfile"), "output"),
    **dict.fromkeys(("silent", "no-progress"), "quiet"),
    **dict.fromkeys(("max-steps", "iterations", "iters"), "steps"),
    **dict.fromkeys(("validation", "dev"), "valid"),
    "force-yes": "yes",
    "regex": "must-match",
}
_COMMANDS = {
    **dict.fromkeys(("generate", "predict", "complete"), "sample"),
    **dict.fromkeys(("perplexity", "ppl", "test", "bpc"), "evaluate"),
    **dict.fromkeys(("fit", "learn", "resume", "continue"), "train"),
    **dict.fromkeys(("ls", "models", "dir"), "list"),
    **dict.fromkeys(("rm", "delete", "del", "uninstall"), "remove"),
    **dict.fromkeys(("mv", "move"), "rename"),
    **dict.fromkeys(("show", "describe", "inspect"), "info"),
    **dict.fromkeys(("probability", "prob", "query"), "score"),
    **dict.fromkeys(("download", "get"), "corpus"),
    **dict.fromkeys(("embedding", "vectors", "neighbors", "analogy"), "embed"),
}
_SHOWN = 40  # characters of a quoted value


def is_usage_error(error: BaseException) -> bool:
    """Whether the parser refused the command line."""
    return hasattr(error, "format_message") and getattr(error, "exit_code", 0) == 2


def sentence(error: Any) -> str:
    """Return a usage error of the parser as one sentence."""
    kind, ctx = type(error).__name__, error.ctx
    command = ctx.command_path if ctx else "charlm"
    if kind == "NoSuchOption":
        instead = getattr(error, "advice", "") or _instead_of_option(ctx, error.option_name)
        return f"{command} has no option {error.option_name}; {instead}"
    if kind == "MissingParameter":
        return f"{command} needs {_name(error.param)}; {command} --help explains it"
    if kind == "BadParameter" and (value := _bad_value(error)):
        return value
    if kind == "BadOptionUsage":
        takes = "takes no value" if "not take" in error.message else "needs a value"
        return f"{error.option_name} {takes}; {command} --help explains it"
    if kind == "UsageError" and error.message == "Missing command.":
        return f"{command} needs a command; {command} --help lists them"
    return str(error.format_message()).rstrip(".")


def extra_arguments(ctx: Any, extra: list[str]) -> ConfigError:
    """Return the error for arguments that a command does not take, with the option that may have been meant."""
    name, command = shell_word(extra[0][:_SHOWN]), ctx.command_path
    named = {each.name for each in ctx.command.get_params(ctx) if not each.hidden}
    text = next((each for each in ctx.command.get_params(ctx) if each.metavar == "TEXT" and each.name == "text"), None)
    from charlm.checkpoints import model_paths  # the help needs none of what it imports

    if "model" in named and extra[0] in model_paths.trained():
        hint = f"name the model with --model {name}"
    elif "prompt" in named:
        hint = f"give the text to continue with --prompt {shell_word(' '.join(extra)[:_SHOWN])}"
    elif text is not None:
        hint = "put a text of several words in quotes"
    else:
        hint = f"{command} --help shows what it takes"
    return ConfigError(f"{command} takes no argument {name}; {hint}")


def unknown_command(ctx: Any, name: str) -> ConfigError:
    """Return the error for a command that does not exist, with the one that may have been meant."""
    commands = ctx.command.list_commands(ctx)
    meant = [_COMMANDS[name]] if _COMMANDS.get(name) in commands else nearest(name, commands)
    hint = f"did you mean {meant[0]}?" if meant else f"{ctx.command_path} --help lists the commands"
    return ConfigError(f"{ctx.command_path} has no command {name[:_SHOWN]!r}; {hint}")


def meant_option(parameters: Iterable[Any], given: str) -> str:
    """Return the option that a word with dashes may stand for, or an empty string; hidden options are not suggested."""
    shown = [each for each in parameters if each.param_type_name == "option" and not each.hidden]
    names = [name for each in shown for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]
    options = {name.removeprefix("--"): name for name in names}
    word = given.lstrip("-").replace("_", "-")
    meant = [_OPTIONS[word]] if _OPTIONS.get(word) in options else nearest(word, options)
    return options[meant[0]] if meant else ""


def _instead_of_option(ctx: Any, given: str) -> str:
    """Return what to try in place of an option that does not exist."""
    meant = meant_option(ctx.command.get_params(ctx), given)
    return f"did you mean {meant}?" if meant else f"{ctx.command_path} --help lists its options"


def _bad_value(error: Any) -> str:
    """Return the sentence for a value that is not a number; an empty string for another reason."""
    details: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    if not details or error.param is None:
        return ""
    kind = str(details[0].get("type", ""))
    if kind == "string_unicode":  # bytes that are not UTF-8
        kind = str(getattr(error.__cause__, "title", ""))
    wanted = "a whole number" if kind.startswith("int") else "a number" if kind.startswith("float") else ""
    return f"{_name(error.param)} is {str(details[0].get('input'))[:_SHOWN]!r}; it must be {wanted}" if wanted else ""


def _name(parameter: Any) -> str:
    """Return the name of a parameter: its longest option, or its metavariable."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name).strip("[]")
