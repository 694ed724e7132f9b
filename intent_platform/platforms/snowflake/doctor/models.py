"""Probes of models: logging, the list of versions, and scores in SQL."""

import json
from contextlib import suppress

import numpy as np

from intent_platform.platforms.ports import PREDICT_FUNCTION
from intent_platform.platforms.snowflake.doctor import tiny
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, equals
from intent_platform.platforms.versions import MODEL_NAME

_COLUMNS = ("name", "metadata", "is_default_version", "aliases")  # that the registry reads
_LARGEST_DIFFERENCE = 1e-9


def _first_is_default(account: Account) -> Answer:
    """Whether Snowflake made the first version the default, and the registry found it without a champion."""
    name = account.version.name.upper()
    [row] = [row for row in account.rows(f"SHOW VERSIONS IN MODEL {MODEL_NAME}") if row["name"] == name]
    return str(row["is_default_version"]).lower() == "true" and account.registry.champion() is None


def _columns(account: Account) -> Answer:
    with suppress(KeyError):  # the registry misses a column after it has logged the version
        _ = account.version
    [first, *_] = account.rows(f"SHOW VERSIONS IN MODEL {MODEL_NAME}")
    return sorted(first)


def _scores(account: Account) -> Answer:
    """Whether the method of the version gives the scores of the model in this process."""
    settings, version = account.connector.settings.training, account.version
    rows = tiny.made_up_rows(settings)
    connection = account.connection
    connection.stage("DOCTOR_ROWS", rows.append_column("N", [range(rows.num_rows)]))
    connection.use_model(account.registry.scoring_model(version))
    calls = f"{PREDICT_FUNCTION}({', '.join(version.provenance.features)})"
    inside = connection.fetch(f"SELECT {calls} AS SCORE FROM DOCTOR_ROWS ORDER BY N")["SCORE"].to_numpy()
    difference = float(np.abs(inside - tiny.tiny_model(settings).predict(rows)).max())
    return "equal" if difference <= _LARGEST_DIFFERENCE else f"different by {difference:.1g}"


def _capabilities(account: Account) -> Answer:
    """What is switched on in the account for the ML library, which logs a version in other steps then."""
    capabilities = json.loads(account.value("SELECT SYSTEM$ML_PLATFORM_CAPABILITIES()"))
    return sorted(name for name, value in capabilities.items() if value not in (False, None))


PROBES = (
    Probe(
        "models.columns",
        f"SHOW VERSIONS has the columns {', '.join(_COLUMNS)}",
        _columns,
        lambda answer: set(_COLUMNS) <= set(answer),
        f"report the columns, because platforms/snowflake/stored_versions.py reads {', '.join(_COLUMNS)}",
    ),
    Probe(
        "models.logged",
        "this process logs a version",
        lambda account: account.version in account.registry.versions(),
        equals(expected=True),
        "report this, because the registry does not find the version that it logged",
    ),
    Probe(
        "models.first_is_default",
        "the first version becomes the default, and does not count as champion",
        _first_is_default,
        equals(expected=True),
        "report this, because the registry takes the default version as the champion",
    ),
    Probe(
        "models.scores",
        "a version scores in SQL as in this process",
        _scores,
        equals("equal"),
        "do not score here, because the scores are {answer}: compare the CatBoost versions",
    ),
    Probe("models.capabilities", "the ML library logs a version without a live version", _capabilities),
)
