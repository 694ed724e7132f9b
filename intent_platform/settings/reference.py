"""Renders docs/settings.md from the fields: `python -m intent_platform.settings.reference` prints it."""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from intent_platform.settings import Settings
from intent_platform.settings.types import variable_of

_INTRODUCTION = f"""\
# Settings

This page is generated from the fields in `intent_platform/settings/`; `make settings` writes it.

Every setting has a default.
Change one in either of two ways:

- Write it into `intent_platform/settings/config.yml`, which holds only what differs from the defaults.
- Set an environment variable, which overrides the file.

The variable of a setting is its name in capitals behind `{variable_of()}`, with `_` for the dot.
So `training.trials` is `{variable_of("training", "trials")}` and `home` is `{variable_of("home")}`.
Lists and mappings are given as JSON, and so is `simulated.scenario` as a whole:

```
{variable_of("training", "search_space")}='{{"rsm": null}}'
{variable_of("simulated", "scenario")}='{{"kind": "late_rows", "start": "2025-05-14"}}'
```

- A mapping keeps the default entries that you do not name, and `null` removes an entry.
- A list replaces the default list.
- `null` also works as the value of a variable, for the settings whose type names it.
- A name that is not on this page is an error, in the file and in the environment.
- Hours, days and dates are Asia/Tokyo.
- A relative path starts at the current folder.
"""
_HEADER = "| setting | type and limits | default | meaning |\n|---|---|---|---|\n"
_LIMITS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
_WORDS = {"password": "secret", "string": "text", "boolean": "`true` or `false`", "null": "`null`"}


def reference() -> str:
    """The page: a table of the settings outside sections, then one for each section."""
    schema = Settings.model_json_schema()
    defaults = Settings.model_construct().model_dump(mode="json", by_alias=True)
    sections = {name: _resolved(field, schema) for name, field in schema["properties"].items() if "$ref" in field}
    general = {name: field for name, field in schema["properties"].items() if name not in sections}
    parts = [_INTRODUCTION, _part("General", schema["description"], _rows(general, defaults, "", schema))]
    for name, section in sections.items():
        rows = _rows(section["properties"], defaults[name], f"{name}.", schema)
        parts.append(_part(f"`{name}`", section["description"], rows))
    return "\n".join(parts)


def _part(title: str, docstring: str, rows: Iterator[str]) -> str:
    sentence = docstring.split("\n\n")[0].replace("\n", " ")
    return f"## {title}\n\n{_linked(sentence)}\n\n{_HEADER}{''.join(rows)}"


def _rows(
    fields: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str, schema: Mapping[str, Any]
) -> Iterator[str]:
    """A row for each field; a section within a section has rows of its own."""
    for name, field in fields.items():
        if "$ref" in field:
            yield from _rows(_resolved(field, schema)["properties"], defaults[name], f"{prefix}{name}.", schema)
        else:
            types = " or ".join(_types(field, schema))
            cells = (f"`{prefix}{name}`", types, _default(defaults[name]), _linked(field["description"]))
            yield f"| {' | '.join(cells)} |\n"


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    return schema["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field


def _types(field: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The alternative types of a field in words, with their limits."""
    match _resolved(field, schema):
        case {"anyOf": alternatives}:
            return list(dict.fromkeys(word for inner in alternatives for word in _types(inner, schema)))
        case {"enum": values}:
            return [", ".join(f"`{value}`" for value in values)]
        case {"properties": entries}:
            return [f"`{{{', '.join(entries)}}}`"]
        case {"type": "object", "additionalProperties": value}:
            return [f"mapping to {' or '.join(word for word in _types(value, schema) if word != _WORDS['null'])}"]
        case {"type": "array", "items": item}:
            return [f"list of {' or '.join(_types(item, schema))}"]
        case {"type": name, **details}:
            word = str(details.get("format", name))
            limits = [f"{sign} {_number(details[key])}" for key, sign in _LIMITS.items() if key in details]
            return [" ".join([_WORDS.get(word, word), " and ".join(limits)]).strip()]
        case unknown:
            raise TypeError(f"the reference has no words for {unknown}")


def _number(value: Any) -> str:
    return f"{value:,}" if value >= 10_000 else str(value)


def _default(value: Any) -> str:
    """A value as `config.yml` would hold it; a mapping with one entry a line."""
    match value:
        case str():
            return f"`{value}`"
        case dict():
            return "<br>".join(f"`{name}: {_yaml(entry)}`" for name, entry in value.items())
        case list():
            return ", ".join(f"`{entry}`" for entry in value)
        case _:
            return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    shown = {name: entry for name, entry in value.items() if entry is not False} if isinstance(value, dict) else value
    return yaml.safe_dump(shown, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()


def _linked(text: str) -> str:
    """Names of pages in docs/ become links."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


if __name__ == "__main__":
    sys.stdout.write(reference())
