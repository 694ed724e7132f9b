"""Renders docs/settings.md from the fields of the settings. `make settings` writes the page."""

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

The variable of a setting is `{variable_of()}`, followed by the name in capitals with `_` for the dot.
For example, `training.trials` is `{variable_of("training", "trials")}` and `home` is `{variable_of("home")}`.
Write lists, mappings and the whole of `simulated.scenario` as JSON:

```
{variable_of("training", "search_space")}='{{"rsm": null}}'
{variable_of("simulated", "scenario")}='{{"kind": "late_rows", "start": "2025-05-14"}}'
```

- A mapping keeps the default entries that you do not name, and `null` removes an entry.
- A list replaces the default list.
- If the type of a setting includes `null`, its variable can have this value too.
- A name that is not on this page is an error, in the file and in the environment.
- Hours, days and dates are Asia/Tokyo.
- A relative path starts at the current folder.
"""
_HEADER = "| setting | type and limits | default | meaning |\n|---|---|---|---|\n"
_LIMITS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
_WORDS = {"password": "secret", "uri": "secret URL", "string": "text", "boolean": "`true` or `false`", "null": "`null`"}


def reference() -> str:
    """The page: a table of the settings without a section, then a table for each section."""
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
    """A row for each field. The fields of a section within a section have rows too."""
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
    """The types that a field allows, in words and with their limits."""
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
            raise TypeError(f"the reference cannot describe the type {unknown}: add it to _types")


def _number(value: Any) -> str:
    return f"{value:,}" if value >= 10_000 else str(value)


def _default(value: Any) -> str:
    """A value in the form of `config.yml`. Each entry of a mapping has its own line."""
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
    # The default `log: false` of a range would only make the table wider.
    shown = {name: entry for name, entry in value.items() if entry is not False} if isinstance(value, dict) else value
    return yaml.safe_dump(shown, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()


def _linked(text: str) -> str:
    """The text with links to the pages of docs/ that it names."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


if __name__ == "__main__":
    sys.stdout.write(reference())
