"""Malformed command lines. Commands and options are read from the package, so a new one is covered."""

from argparse import Action, ArgumentParser
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from random import Random

from bench.torture.input.given import Given, with_a_version
from bench.torture.input.texts import A_VERSION, NUMBERS
from bench.torture.input.variables import VALUES
from intent_platform.__main__ import command_meanings, main

#: Commands that would do long work without a mistake, and the option or word that is always wrong.
_ALWAYS = {"demo": "--csv", "setup": "--csv", "game-day": "--scenario", "dev": "nope", "replay": "nope"}
_VERSIONS = ("previous", "v_000101_000000", f"{A_VERSION} ", A_VERSION, A_VERSION, A_VERSION)
_WORDS = ("-h", "--", "--nope", "nope", "-x", "--keep", "--version", "")
_SOME, _FEW = 0.6, 0.1


def options_of(command: str) -> list[Action]:
    """The options of a command, without `--help`."""
    parser = ArgumentParser(add_help=False)
    import_module(f"intent_platform.commands.{command.replace('-', '_')}").options(parser)
    return parser._actions  # noqa: SLF001  argparse has no other way to list them


def command_lines(random: Random) -> Iterator[Given]:
    """Commands with strange values of their options, and with strange words."""
    options: Mapping[str, list[Action]] = {command: options_of(command) for command in command_meanings()}
    while True:
        command = random.choice([*options])
        words = [command]
        for option in options[command]:
            name = option.option_strings[0]
            if option.required or name == _ALWAYS.get(command) or random.random() < _SOME:
                words += [name] if option.nargs == 0 else [name, _value(random, option)]
        if _ALWAYS.get(command) == "nope":
            words.insert(random.randrange(1, len(words) + 1), "nope")
        elif random.random() < _FEW:
            words.insert(random.randrange(1, len(words) + 1), random.choice(VALUES))
        if random.random() < _FEW:
            words = random.choices((*_WORDS, *options), k=random.randrange(4))
            words = [word for word in words if word not in _ALWAYS]
        yield Given(f"{[word[:60] for word in words]}", words, partial(_run, words))


def _run(words: list[str]) -> int:
    return main([with_a_version(word) for word in words])


def _value(random: Random, option: Action) -> str:
    if "--version" in option.option_strings and random.random() < _SOME:
        return random.choice(_VERSIONS)
    return random.choice(NUMBERS if option.type in (int, float) and random.random() < _SOME else VALUES)
