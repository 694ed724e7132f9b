"""Malformed settings: variables of the environment, and `config.yml`."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from bench.torture.input.given import Given
from bench.torture.input.texts import LONG_TEXTS, TEXTS
from intent_platform.settings import Settings
from intent_platform.settings.types import Section, variable_of

#: Files that nothing can write, and values whose form is right in some settings.
_ABSOLUTE = ("/dev/null", "/dev/null/x", "/dev/zero", "/proc/version", "/proc/self/mem", "~nosuch/x")
_STRUCTURES = (
    *("[]", "{}", "[1", '{"a": 1}', '{"nope": {"nope": 1}}', '["UID"]', '["PAGEVALUES", "PAGEVALUES"]', "[[[[[1]]]]]"),
    *("[" * 5_000, '{"a":' * 5_000, '"a"', "null", "true", "0", "1", "5", "2025-02-01", "http://[", "file:///dev/null"),
    *("javascript:1", "ftp://127.0.0.1/x", "https://127.0.0.1:99999/x", "team:", "a@b", "local", "simulated", "table"),
)
#: The length that the kernel allows for a variable is 128 KiB.
VALUES = tuple(
    text for text in (*TEXTS, *_ABSOLUTE, *_STRUCTURES, LONG_TEXTS[0], "caf\udce9") if "\0" not in text and text != "/*"
)
_MISSPELT = (
    "",
    "X",
    "HOMES",
    "TRAINING_",
    "training_trials",
    "SNOWFLAKE_SCHEMA_",
    "SIMULATED_SCENARIO_KIND",
    "UCI__CSV",
)
_YAML = (
    *("- 1", "1", "null", "a: b: c", "{", "!!python/object/apply:os.system ['id']", "*a", "&a [*a]", "a: &a [*a]"),
    *("home: 2025-02-30", "2025-01-01: 1", "? [a]: 1", "a: 1\na: 2", "\t", "---\n---\n", "%YAML 9", "home: !!binary x"),
    *(
        "training: {trials: !!float nan}",
        "x: " + "[" * 2_000,
        "snowflake: {password: [a]}",
        "alerts: null",
        "uci:\n- csv",
    ),
)


def fields() -> Mapping[tuple[str, ...], type[Section] | None]:
    """The names of all settings: the sections, which have JSON, and the settings in them."""
    found: dict[tuple[str, ...], type[Section] | None] = {}
    for name, info in Settings.model_fields.items():
        section: Any = info.annotation
        found[(name,)] = None
        if isinstance(section, type) and issubclass(section, Section):
            found[(name,)] = section
            found |= {(name, field.alias or inner): None for inner, field in section.model_fields.items()}
    return found


def variables(random: Random) -> Iterator[Given]:
    """One or two variables with strange values, or a name that no setting has."""
    names = [*fields()]
    while True:
        chosen = {variable_of(*name): _value(random, name) for name in random.sample(names, random.choice((1, 1, 2)))}
        if random.random() < 0.05:
            chosen = {f"{variable_of(random.choice(_MISSPELT))}": random.choice(VALUES)}
        yield _given(chosen, random)


def _value(random: Random, name: tuple[str, ...]) -> str:
    """A value for a setting. A section gets JSON with a strange value for one of its settings."""
    value = random.choice(VALUES)
    section = fields()[name]
    if section is None or random.random() < 0.3:
        return value
    inner = random.choice([*section.model_fields, "nope"])
    return json.dumps({inner: random.choice((value, [value], {"a": value}, 10 ** random.randrange(400), None, True))})


def _given(chosen: Mapping[str, str], random: Random) -> Given:
    by_command = random.random() < 0.5
    case = f"{'prune' if by_command else 'the definitions'} with " + ", ".join(
        f"{name}={value!r:.60}" for name, value in chosen.items()
    )
    return Given(case, [*chosen.values()], partial(_with_variables, chosen, by_command))


def _with_variables(chosen: Mapping[str, str], by_command: bool) -> int:
    os.environ.update(chosen)
    return _prune() if by_command else _load_definitions()


def config_files(random: Random) -> Iterator[Given]:
    """A file `config.yml` with strange contents."""
    names = [*fields()]
    while True:
        content = random.choice(_YAML).encode()
        if random.random() < 0.7:
            changed: dict[str, Any] = {}
            for name in random.sample(names, random.randrange(1, 4)):
                value: Any = random.choice(
                    (random.choice(VALUES), random.choice(TEXTS), -1, 10**30, None, [], {}, True)
                )
                changed[name[0]] = value if len(name) == 1 else {name[1]: value}
            content = json.dumps(changed, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogateescape")
        if random.random() < 0.2:
            place = random.randrange(len(content))
            content = content[:place] + random.randbytes(3) + content[place:]
        case = f"the definitions with a config.yml of {content[:70]!r}"
        yield Given(case, [content.decode("utf-8", "replace")], partial(_with_config_file, content))


def _with_config_file(content: bytes) -> int:
    from intent_platform import settings

    file = Path("config.yml").absolute()
    file.write_bytes(content)
    settings.CONFIG_FILE = file
    return _load_definitions()


def _prune() -> int:
    from intent_platform.__main__ import main

    return main(["prune", "--keep", "1000"])


def _load_definitions() -> int:
    """Load the code location as Dagster does."""
    from intent_platform.definitions import defs
    from intent_platform.errors import IntentPlatformError

    try:
        defs().get_repository_def()
    except IntentPlatformError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0
