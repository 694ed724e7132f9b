"""Probes of packages: what a version and the procedures need, in the locked versions, from the shared PyPI repository.

Snowflake resolves the packages for both of its processor architectures when it creates a procedure.
"""

import json

from intent_platform.platforms.snowflake.artifact import PACKAGE_REPOSITORY, model_requirements
from intent_platform.platforms.snowflake.deployment import RUNTIME, procedure_requirements
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, equals, refused
from intent_platform.platforms.snowflake.failures import explained_alike

_NO_PACKAGE = (391546, 391521, 100357)
_SNOWPARK = "snowflake-snowpark-python"
_CODE = """
import json
import platform
import sys

def run(session):
    import catboost, numpy, optuna, pandas, pyarrow, pydantic, scipy, sklearn, snowflake.ml, sqlglot, yaml
    return json.dumps({"python": "%d.%d" % sys.version_info[:2], "machine": platform.machine()})
"""


def creation(requirements: list[str], code: str = _CODE) -> str:
    """The statement that creates the doctor's procedure with these packages from the shared PyPI repository."""
    packages = ", ".join(f"'{requirement}'" for requirement in requirements)
    return (
        "CREATE OR REPLACE PROCEDURE DOCTOR_PACKAGES() RETURNS VARCHAR LANGUAGE PYTHON "
        f"RUNTIME_VERSION = '{RUNTIME}' ARTIFACT_REPOSITORY = {PACKAGE_REPOSITORY} PACKAGES = ({packages}) "
        f"HANDLER = 'run' EXECUTE AS CALLER AS $${code}$$"
    )


def _needed() -> list[str]:
    return sorted({*procedure_requirements(), *model_requirements()})


def _missing(account: Account) -> Answer:
    """The packages that the repository does not have. Each one is asked for alone only if all together are refused."""
    number = account.refusal(creation(_needed()))
    if number is None:
        return []
    if not any(explained_alike(number, known) for known in _NO_PACKAGE):
        return refused(number)
    snowpark = next(requirement for requirement in _needed() if requirement.startswith(_SNOWPARK))
    alone = [name for name in _needed() if account.refusal(creation(sorted({name, snowpark}))) is not None]
    return alone or ["the packages exist, but not together"]


def _working(account: Account) -> Answer:
    """What a procedure with the packages sees. Importing them proves that they were installed."""
    account.run(creation(_needed()))
    return json.loads(account.value("CALL DOCTOR_PACKAGES()"))


def _channel(account: Account) -> Answer:
    """The packages of a version that Anaconda's channel has in the locked version. The ML library asks the same."""
    needed = {tuple(requirement.split("==")) for requirement in model_requirements()}
    listed = ", ".join(f"'{name}'" for name, _ in sorted(needed))
    sql = f"SELECT PACKAGE_NAME, VERSION FROM INFORMATION_SCHEMA.PACKAGES WHERE PACKAGE_NAME IN ({listed})"
    number = account.refusal(sql)
    if number is not None:
        return f"hidden from this role ({number:06d})"
    found = {(row["PACKAGE_NAME"], row["VERSION"]) for row in account.rows(sql)}
    return sorted(name for name, _ in needed & found)


PROBES = (
    Probe(
        "packages.missing",
        "the shared PyPI repository has all packages in the locked versions",
        _missing,
        equals([]),
        "ask the administrator whether a package policy excludes them, or lock other versions of: {answer}",
    ),
    Probe(
        "packages.imported",
        f"a procedure imports the packages on Python {RUNTIME}",
        _working,
        lambda answer: bool(answer["python"] == RUNTIME),
        "change the runtime in platforms/snowflake/deployment.py, because the account runs {answer}",
    ),
    Probe("packages.in_channel", "Anaconda's channel is not needed", _channel),
)
