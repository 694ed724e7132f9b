"""The model monitor of the champion, by which Snowflake draws the drift and the quality of its scores.

`make monitor` creates the first one. From then on, each move of the champion brings the monitor of the new champion and
suspends the others. The asset `monitoring` does not need it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intent_platform.errors import NoChampion
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, Platform
from intent_platform.platforms.snowflake.artifact import METHOD
from intent_platform.platforms.snowflake.statements import bound
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion
from intent_platform.tables import DATASET, SCORES

_NAME = re.compile(r"MONITOR_V_\d{6}_\d{6}")


@dataclass(frozen=True)
class SnowflakeMonitor:
    """Keeps one active monitor, that of the champion; see `ports.ChampionMonitor`.

    Attributes:
        warehouse: returns the name of the warehouse that refreshes the monitor.
    """

    warehouse: Callable[[], str]

    def follow(self, connection: Connection, champion: ModelVersion) -> None:
        """Monitor `champion` instead of the version before. Without any monitor, nothing happens."""
        if states := _states(connection):
            for statement in self._statements(connection, champion, states):
                connection.execute(statement)

    def statements(self, connection: Connection, champion: ModelVersion) -> list[str]:
        """The statements that `champion` needs to be the only version that is monitored. They can be repeated."""
        return self._statements(connection, champion, _states(connection))

    def _statements(self, connection: Connection, champion: ModelVersion, states: Mapping[str, str]) -> list[str]:
        name = f"MONITOR_{champion.name.upper()}"
        needed = []
        if name not in states:
            needed = self._creation(name, champion, has_baseline=_has_training_sessions(connection, champion))
        elif states[name] != "ACTIVE":
            needed = [f"ALTER MODEL MONITOR {name} RESUME"]
        return needed + [
            f"ALTER MODEL MONITOR {other} SUSPEND"
            for other, state in states.items()
            if other != name and state != "SUSPENDED"
        ]

    def _creation(self, name: str, champion: ModelVersion, *, has_baseline: bool) -> list[str]:
        version = champion.name.upper()
        monitor = (
            f"CREATE MODEL MONITOR IF NOT EXISTS {name} WITH MODEL = {MODEL_NAME} VERSION = '{version}' "
            f"FUNCTION = '{METHOD}' SOURCE = MONITORED_{version} {f'BASELINE = BASELINE_{version} ' * has_baseline}"
            f"WAREHOUSE = {self.warehouse()} REFRESH_INTERVAL = '1 day' AGGREGATION_WINDOW = '1 day' "
            "TIMESTAMP_COLUMN = SESSION_TIME ID_COLUMNS = ('SESSION_ID') PREDICTION_SCORE_COLUMNS = ('SCORE') "
            "ACTUAL_CLASS_COLUMNS = ('PURCHASED')"
        )
        return [_source(champion), *([_baseline(champion)] if has_baseline else []), monitor]


def _source(champion: ModelVersion) -> str:
    """The sessions that the version scored, with the score, the outcome and the features.

    A monitor copies its rows, and `make forget` does not reach the copy. So a hash takes the place of the visitor.
    """
    return bound(
        f"CREATE OR REPLACE VIEW MONITORED_{champion.name.upper()} AS "
        "SELECT MD5(S.UID || TO_VARCHAR(S.SESSION_DATE, 'YYYY-MM-DD')) AS SESSION_ID, "
        f"{_columns(champion, score='S.SCORE')} "
        f"FROM {SCORES.name} AS S JOIN {DATASET.name} AS D ON D.UID = S.UID AND D.SESSION_DATE = S.SESSION_DATE "
        "WHERE S.MODEL_VERSION = :version AND S.SCORE BETWEEN 0 AND 1",
        {"version": champion.name},
    )


def _baseline(champion: ModelVersion) -> str:
    """The training sessions with their scores. They are numbered, so the copy names no visitor."""
    return bound(
        f"CREATE OR REPLACE TRANSIENT TABLE BASELINE_{champion.name.upper()} AS "
        "SELECT 'baseline ' || CAST(ROW_NUMBER() OVER (ORDER BY D.SESSION_DATE, D.UID) AS VARCHAR) AS SESSION_ID, "
        f"{_columns(champion, score=f'{PREDICT_FUNCTION}({_features(champion)})')} "
        f"FROM {DATASET.name} AS D WHERE {in_window(DATASET)}",
        champion.provenance.training_window.bounds,
        f"{MODEL_NAME}, {champion.name.upper()}",
    )


def _columns(champion: ModelVersion, score: str) -> str:
    """The columns in the types that a monitor accepts. It fails at NULL, NaN and scores outside of 0 to 1."""
    return (
        f"CAST(D.SESSION_DATE AS TIMESTAMP_NTZ) AS SESSION_TIME, CAST({score} AS NUMBER(10, 9)) AS SCORE, "
        f"CAST(D.REVENUE AS NUMBER(1, 0)) AS PURCHASED, {_features(champion)}"
    )


def _features(champion: ModelVersion) -> str:
    return ", ".join(f"D.{feature}" for feature in champion.provenance.features)


def _has_training_sessions(connection: Connection, champion: ModelVersion) -> bool:
    counted = f"SELECT COUNT(*) AS SESSIONS FROM {DATASET.name} WHERE {in_window(DATASET)}"
    return bool(connection.value(counted, **champion.provenance.training_window.bounds))


def _states(connection: Connection) -> dict[str, str]:
    """The state of each monitor that the platform created, by its name."""
    shown = connection.fetch("SHOW MODEL MONITORS IN SCHEMA").to_pylist()
    return {row["name"]: row["monitor_state"] for row in shown if _NAME.fullmatch(row["name"])}


def monitor_champion(platform: Platform, show: Callable[[str], None], *, dry: bool) -> None:
    """Show the statements of the champion's monitor, then run them unless `dry`.

    Raises:
        NoChampion: no version is champion yet.
        WarehouseError: Snowflake refuses a statement. The message says what to do.
    """
    champion = platform.registry.champion()
    if champion is None:
        raise NoChampion("no version is champion yet, so there is none to monitor: promote a version first")
    if platform.monitor is None:
        raise TypeError("only a platform on Snowflake has a monitor")
    with platform.warehouse.connect() as connection:
        for statement in platform.monitor.statements(connection, champion):
            show(f"{statement};")
            if not dry:
                connection.execute(statement)
