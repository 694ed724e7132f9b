"""The packages of the account. The shared PyPI repository has those of this Python; Anaconda's channel lags behind."""

import importlib.metadata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.emulator import Call
from intent_platform_tests.snowflake_emulator.errors import error, not_found
from intent_platform_tests.snowflake_emulator.privileges import PACKAGE_USER

SHARED_REPOSITORY = "SNOWFLAKE.SNOWPARK.PYPI_SHARED_REPOSITORY"
_ANACONDA = {
    "catboost": {"1.2.8"},
    "cloudpickle": {"3.0.0"},
    "numpy": {"2.2.5"},
    "pandas": {"2.2.3"},
    "snowflake-ml-python": {"1.9.0"},
    "snowflake-snowpark-python": {"1.40.0"},
}


@cache  # reading the metadata of all packages takes seconds
def available() -> set[tuple[str, str]]:
    """Name and version of each package of the shared PyPI repository."""
    return {(each.metadata["Name"].lower(), each.version) for each in importlib.metadata.distributions()}


def missing_packages(missing: Iterable[str]) -> ProgrammingError:
    """The error for packages that are not there."""
    return error(
        "SQL compilation error: Cannot create a Python function with the specified packages. "
        f"'Packages not found: - {', '.join(missing)}'",
        391546,
        "22000",
    )


def refuse_missing(call: Call, requirements: Iterable[str], repository: str | None) -> None:
    """Refuse requirements that the repository (None: Anaconda's channel) cannot meet.

    Raises:
        ProgrammingError: the repository does not exist, or the role may not use it, or a package is missing.
    """
    if repository is not None and (repository.upper() != SHARED_REPOSITORY or PACKAGE_USER not in call.access.roles):
        raise not_found("Artifact Repository", repository)
    offered: dict[str, set[str]] = {} if repository else _ANACONDA
    for name, version in available() if repository else ():
        offered.setdefault(name, set()).add(version)
    missing, absent = [], call.emulator.missing_packages | call.emulator.answers.missing_packages
    for requirement in map(Requirement, requirements):
        versions = set() if requirement.name in absent else offered.get(requirement.name, set())
        if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            missing.append(str(requirement))
    if missing:
        raise missing_packages(missing)


def refuse_missing_of_model(call: Call, folder: Path, manifest: dict[str, Any]) -> None:
    """The same for the requirements of each runtime in the manifest of a model."""
    for runtime in manifest["runtimes"].values():
        needed = runtime["dependencies"]
        if "pip" in needed:
            repository = (needed.get("artifact_repository_map") or {}).get("pip")
            refuse_missing(call, (folder / needed["pip"]).read_text().split(), repository)
        if "conda" in needed:
            listed = yaml.safe_load((folder / needed["conda"]).read_text())["dependencies"]
            packages = [each.rpartition("::")[2] for each in listed if isinstance(each, str)]
            refuse_missing(call, [each for each in packages if not each.startswith("python")], None)
