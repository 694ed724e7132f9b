"""The file of an account's answers. It names neither the account nor a user, and it has no secret.

The emulated account of the tests loads the file and then answers in the same way.
"""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from intent_platform.errors import SettingsError
from intent_platform.partitions import now
from intent_platform.platforms.snowflake.doctor.examination import Examination
from intent_platform.platforms.snowflake.doctor.probe import Answer
from intent_platform.settings import Settings

_FORMAT = 1
_CLIENTS = ("snowflake-connector-python", "snowflake-snowpark-python", "snowflake-ml-python")


def answers_file(settings: Settings) -> Path:
    """The file in the home folder."""
    return settings.home / "snowflake_account.json"


def write_answers(examination: Examination, file: Path) -> None:
    """Write the answers, the day and the versions of the clients. A reader sees the old file or the new one."""
    content = {
        "format": _FORMAT,
        "asked_on": now().date().isoformat(),
        "clients": {client: metadata.version(client) for client in _CLIENTS},
        "answers": dict(examination.answers),
    }
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(file)


def read_answers(file: Path) -> dict[str, Answer]:
    """The answers in a file, by the names of the probes.

    Raises:
        SettingsError: the file cannot be read, or another release wrote it in another format.
    """
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        answers, written = dict(content["answers"]), content["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{file} does not hold the answers of an account: run `make doctor` to write it") from error
    if written != _FORMAT:
        raise SettingsError(f"{file} has the format {written}, not {_FORMAT}: run `make doctor` to write it again")
    return answers
