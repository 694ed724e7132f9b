"""Moves of the champion at once on the emulated Snowflake account, which the real client libraries talk to."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from bench.torture import work
from bench.torture.at_once import Work, contradictions
from bench.torture.calls import Answer, answered
from bench.torture.homes import Room, use
from bench.torture.invariants import broken_when_settled
from bench.torture.processes import answer_of, end_of_all
from bench.torture.state import HomeState, MoveRow, StoredVersion
from bench.torture.trials import Outcome, Size, Trial
from bench.torture.work import platform_of
from intent_platform.platforms import platform_for
from intent_platform.settings import Settings

_VERSIONS = 3
_CLIENTS = ("snowflake.ml.registry", "intent_platform.platforms.snowflake")
_EMULATOR = "intent_platform_tests.snowflake_emulator"
_ADMINISTRATOR = "ACCOUNTADMIN"


def emulated(size: Size, _: Random) -> Iterator[Trial]:
    """The trials of a run."""
    kind = "at once: moves on the emulated account"
    for number in range(1, size.rounds + 1):
        yield Trial(kind, f"{kind} {number}", _moves)


def _moves(room: Room, _: Random) -> Outcome:
    """Three people move the champion at once: two roll back, and one promotes by force."""
    for name in _CLIENTS:
        import_module(name)
    with room.copy(room.shop()) as folder, _account(folder / "account") as parameters:
        log = folder / "log"
        names = answer_of(partial(_open_account, folder / "home", parameters), log)
        moves: dict[str, Work] = {
            f"{kind} {name}": partial(_move, folder / "home", parameters, kind, name)
            for kind, name in (("rollback", names[1]), ("rollback", names[2]), ("force", names[2]))
        }
        answers, found = end_of_all(moves, folder)
        state = answer_of(partial(_state, folder / "home", parameters), log)
        found += broken_when_settled(state) + contradictions(answers, 1, state)
        moved = sum(answer.kind == "moved" for answer in answers)
        if not moved:
            found.append("nobody moved the champion")
    return Outcome(found, conditions=f"{moved} moved")


@contextmanager
def _account(folder: Path) -> Iterator[Mapping[str, Any]]:
    """An emulated account in a process of its own, and how to connect to it."""
    command = [sys.executable, "-m", _EMULATOR, "--root", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None, "it is a pipe"  # noqa: S101  for the type checker
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def _settings(home: Path, parameters: Mapping[str, Any]) -> Settings:
    connection = {f"SNOWFLAKE_{name.upper()}": str(value) for name, value in parameters.items()}
    return use(home, DEPLOYMENT="dev", **connection)


def _open_account(home: Path, parameters: Mapping[str, Any]) -> list[str]:
    """Prepare the account, log the shop's champion as some versions, and make the first one champion."""
    from intent_platform.platforms.champion import move_champion
    from intent_platform.platforms.snowflake.connector import SnowflakeConnector
    from intent_platform.platforms.snowflake.preparation import prepare

    shop = platform_of(home)
    champion = shop.registry.champion()
    assert champion is not None, "the shop has a champion"  # noqa: S101  for the type checker
    model = shop.registry.load(champion)
    settings = _settings(home, parameters)
    prepare(SnowflakeConnector(settings), _ADMINISTRATOR, print, dry=False)
    account = platform_for(settings)
    versions = [account.registry.log(model, champion.provenance, []) for _ in range(_VERSIONS)]
    move_champion(account, versions[0], replacing=None, cause="first", reason="torture", metrics={}, run_id="first")
    return [version.name for version in versions]


def _move(home: Path, parameters: Mapping[str, Any], kind: str, name: str) -> list[Answer]:
    account = platform_for(_settings(home, parameters))
    move = work.roll_back if kind == "rollback" else work.force
    return [answered(f"{kind} to {name}", lambda run: move(account, name, run))]


def _state(home: Path, parameters: Mapping[str, Any]) -> HomeState:
    """What the account says about its champion. Its versions have no files here."""
    from intent_platform.platforms.ledger import read_ledger

    account = platform_for(_settings(home, parameters))
    champion = account.registry.champion()
    with account.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    return HomeState(
        ledger=tuple(
            MoveRow(m.number, str(m.moved_at), m.from_version, m.to_version, m.cause, m.reason, m.run_id)
            for m in ledger.moves
        ),
        pointer=None if champion is None else champion.name,
        versions={version.name: StoredVersion(None, None, False) for version in account.registry.versions()},
        marks=frozenset(version.name for version in account.registry.versions() if version.quarantine),
    )
