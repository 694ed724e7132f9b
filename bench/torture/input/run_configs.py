"""Malformed run configs of all jobs. Those that Dagster accepts are executed, if that is cheap."""

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from random import Random
from typing import Any

from bench.torture.input.given import Given, with_a_version
from bench.torture.input.texts import A_VERSION, LONG_TEXTS, TEXTS
from intent_platform.partitions import Window

_DAY = Window(date(2025, 4, 5), date(2025, 4, 6))
#: The settings of each job's config, by the name of the asset or op. The jobs without any are executed seldom.
CONFIGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "promotion_job": {"champion_alias": ("force", "reason", "effective_date")},
    "scores_job": {"scores": ("model",)},
    "rollback": {"rollback_champion": ("version", "reason")},
    "evaluation_job": {"champion_alias": ("force", "reason", "effective_date")},
    "training_job": {"challenger_model": ("nope",)},
    "sessions_job": {"source": ("nope",)},
}
_CHEAP = ("promotion_job", "scores_job", "rollback")
_VERSIONS = (A_VERSION, A_VERSION, A_VERSION, "champion", "at_the_time", "previous", "", "v_000101_000000")
_OTHERS: tuple[Any, ...] = (None, 0, -1, 1e400, True, [], {}, [1], {"a": {"b": [None]}}, {"env": "HOME"})


def run_configs(random: Random) -> Iterator[Given]:
    """Configs with strange values, or of a strange structure."""
    while True:
        job = random.choice((*_CHEAP, *_CHEAP, *CONFIGS))
        config, texts = _strange(random, job)
        case = f"{job} with {config!r:.120}"
        yield Given(case, texts, partial(_execute, job, config))


def _with_versions(value: Any) -> Any:
    """A config with names of versions in their places."""
    match value:
        case str():
            return with_a_version(value)
        case dict():
            return {name: _with_versions(inner) for name, inner in value.items()}
        case _:
            return value


def _strange(random: Random, job: str) -> tuple[dict[str, Any], list[str]]:
    ((name, settings),) = CONFIGS[job].items()
    texts = [
        random.choice((random.choice(_VERSIONS), random.choice(TEXTS), random.choice(LONG_TEXTS))) for _ in settings
    ]
    values: dict[str, Any] = {
        setting: text for setting, text in zip(settings, texts, strict=True) if random.random() < 0.8
    }
    config: dict[str, Any] = {"ops": {name: {"config": values}}}
    if random.random() < 0.3:
        strange = random.choice((*_OTHERS, *texts))
        place = random.randrange(5)
        if place == 0:
            values[random.choice(settings)] = strange
        elif place == 1:
            config["ops"][name]["config"] = strange
        elif place == 2:
            config["ops"][random.choice((name, "nope", ""))] = strange
        else:
            config[random.choice(("ops", "resources", "execution", "loggers", "nope"))] = strange
    return config, texts


def _execute(job: str, config: dict[str, Any]) -> int:
    """Execute the job as a command does. Dagster's own refusal of a config is the status 2."""
    import dagster as dg

    from intent_platform.definitions import build_definitions
    from intent_platform.errors import IntentPlatformError
    from intent_platform.instance import open_instance, run_job
    from intent_platform.settings import load_settings

    settings, config = load_settings(), _with_versions(config)
    definitions = build_definitions(settings)
    try:
        dg.validate_run_config(definitions.resolve_job_def(job), config)
    except dg.DagsterInvalidConfigError:
        print(f"Dagster refuses the config of {job}")  # noqa: T201
        return 2
    if job not in _CHEAP or "loggers" in config or "execution" in config:
        return 0
    try:
        with open_instance(settings) as instance:
            run_job(definitions, instance, job, config=config, window=_DAY if job == "scores_job" else None)
    except IntentPlatformError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0
