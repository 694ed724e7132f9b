"""The operations that are killed: how each begins, what it does, and what it must have brought about in the end."""

import csv
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from bench.torture import steps
from bench.torture.homes import MONTH, Room, use
from bench.torture.state import HomeState
from bench.torture.steps import Step
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform

WINDOW = Window(date(2026, 4, 3), date(2026, 4, 13))
#: The landing files of the template `landing`, and their rows. One row in twenty breaks the contract.
FILES, ROWS = 3, 200
_LANDING = {"FEED": "landing", "LANDING_QUIET_SECONDS": "0", "LANDING_DONE_FILES": "true"}
#: Another seed of the simulated shop. So a load changes the rows that the template has.
_OTHER_SESSIONS = {"SIMULATED_SEED": "1"}
_REASON, _RUN = "torture", "torture"


@dataclass(frozen=True)
class Operation:
    """One operation of the package.

    Attributes:
        name: its name in the results.
        template: returns the home that it begins with; None for a new home.
        run: does it in the home of a trial, in a process of its own.
        steps: the named steps at which it is killed.
        outcome: what an uninterrupted run and a killed run that was repeated have in common.
        together: the tables that it writes in one transaction.
        found: further violations in the folder of a trial, read after the kill and after the repetition. The second
            argument is the state of the home, and the third one says whether the operation has ended.
    """

    name: str
    template: Callable[[Room], Path | None]
    run: Callable[[Path], Any]
    steps: tuple[Step, ...]
    outcome: Callable[[HomeState], object]
    together: tuple[str, ...] = ()
    found: Callable[[Path, HomeState, bool], list[str]] = lambda *_: []


def platform_of(home: Path) -> Platform:
    """The platform of a user with that home."""
    return platform_for(use(home))


def version_names(home: Path) -> list[str]:
    """The versions of a shop by age; `homes` says what they are."""
    return [version.name for version in platform_of(home).registry.versions()]


def roll_back(platform: Platform, version: str, run_id: str = _RUN) -> bool:
    """Roll back to a version, and return whether the champion moved."""
    from intent_platform.pipeline.promotion import roll_back_to

    return roll_back_to(platform, platform.registry.version(version), _REASON, run_id=run_id).proof is not None


def force(platform: Platform, version: str, run_id: str = _RUN) -> bool:
    """Make a version champion by force, as the asset `champion_alias` does. Return whether it moved."""
    from intent_platform.pipeline.promotion import carry_out, forced_promotion
    from intent_platform.platforms.champion import settle

    champion = settle(platform).version
    request = forced_promotion(platform.registry.version(version), _REASON, champion)
    if request is not None:
        carry_out(platform, request, champion, run_id=run_id)
    return request is not None


def promote(home: Path) -> None:
    """Carry out the newest evaluation, as the asset `champion_alias` does."""
    from intent_platform.pipeline.promotion import carry_out, newest_promotion
    from intent_platform.platforms.champion import settle

    platform = platform_of(home)
    champion = settle(platform).version
    request = newest_promotion(platform, champion)
    if request is not None:
        carry_out(platform, request, champion, run_id=_RUN)


def score(home: Path) -> None:
    """Score a window with the champion."""
    from intent_platform.pipeline import scoring

    scoring.score(platform_of(home), scoring.CHAMPION, WINDOW)


def load(home: Path, **overrides: str) -> None:
    """Load a window from the feed of the settings; without overrides, from the simulated shop with another seed."""
    from intent_platform.pipeline.source import load_window
    from intent_platform.sessions.choice import session_source
    from intent_platform.sessions.feed import Feed

    settings = use(home, **(overrides or _OTHER_SESSIONS))
    feed = session_source(settings)
    assert isinstance(feed, Feed), "the settings name a feed"  # noqa: S101  for the type checker
    load_window(platform_for(settings), feed, WINDOW)


def load_landing(home: Path) -> None:
    """Load the landing files."""
    load(home, **_LANDING)


def build_dataset(home: Path) -> None:
    """Build a window of DATASET from SOURCE."""
    from intent_platform.pipeline import dataset
    from intent_platform.sessions.choice import session_source

    settings = use(home)
    dataset.build_dataset(platform_for(settings), WINDOW, session_source(settings))


def train(home: Path) -> None:
    """Train another challenger of the newest month."""
    from intent_platform.pipeline.training import train_challenger

    settings = use(home)
    train_challenger(platform_for(settings), MONTH, settings.training, run_id=_RUN)


def roll_back_to_place(place: int, home: Path) -> None:
    """Roll back to the version at that place of `version_names`."""
    roll_back(platform_of(home), version_names(home)[place])


def force_place(place: int, home: Path) -> None:
    """Make the version at that place of `version_names` champion by force."""
    force(platform_of(home), version_names(home)[place])


def roll_back_by_command(home: Path) -> None:
    """Roll back as a user does, through Dagster."""
    command(home, "rollback", "--version", version_names(home)[SUPERSEDED])


def prune(home: Path, keep: int = 1) -> None:
    """Delete leftovers and all dispensable versions but the newest `keep`."""
    from intent_platform.pipeline import retention

    retention.prune(platform_of(home), keep)


def start(home: Path) -> None:
    """Set up a new home, and open its registry."""
    command(home, "setup")
    platform_of(home).registry.champion()


def back_up(home: Path) -> None:
    """Make a backup beside the home. A complete one is left alone."""
    from intent_platform.backup import back_up

    if not (home.parent / "backup").exists():
        back_up(use(home), home.parent / "backup")


def command(home: Path, *arguments: str, **overrides: str) -> None:
    """Run a command as its user does.

    Raises:
        RuntimeError: it failed. Its output has the reason.
    """
    from intent_platform.__main__ import main

    use(home, **overrides)
    code = main([*arguments])
    if code != 0:
        raise RuntimeError(f"{arguments[0]} ended with the code {code}")


def drop_files(folder: Path, files: int, seed: str) -> None:
    """Drop landing files with `ROWS` rows each, and the file NAME.done beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        drawn = random.Random(f"{seed} {number}")  # noqa: S311  not for secrets
        path = folder / f"sessions_{seed}_{number}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*_row(drawn, 0)])
            writer.writeheader()
            writer.writerows(_row(drawn, row) for row in range(ROWS))
        path.with_name(f"{path.name}.done").touch()


def _row(drawn: random.Random, number: int) -> Mapping[str, object]:
    behaviour = ("ADMINISTRATIVE", "INFORMATIONAL", "PRODUCTRELATED")
    measures = ("BOUNCERATES", "EXITRATES", "PAGEVALUES", "SPECIALDAY")
    codes = ("OPERATINGSYSTEMS", "BROWSER", "REGION", "TRAFFICTYPE")
    uid = f"{drawn.getrandbits(128):032x}"
    return {
        "UID": "-".join((uid[:8], uid[8:12], uid[12:16], uid[16:20], uid[20:])),
        "SESSION_DATE": f"2026-04-{drawn.randrange(3, 13):02d}",
        **{name: drawn.randrange(9) for name in behaviour},
        **{f"{name}_DURATION": drawn.randrange(900) for name in behaviour},
        **{name: round(drawn.random(), 3) for name in measures},
        **{name: drawn.randrange(1, 9) for name in codes},
        "MONTH": "Apr" if number % 20 else "April",
        "VISITORTYPE": "New_Visitor",
        "WEEKEND": drawn.random() < 0.3,
        "REVENUE": drawn.random() < 0.2,
    }


def _with_files(room: Room) -> Path:
    def fill(home: Path) -> None:
        import shutil

        shutil.copytree(room.shop(), home)
        drop_files(home / "landing", FILES, "first")

    return room.made("landing", fill)


def _with_other_source(room: Room) -> Path:
    """A shop whose SOURCE has other rows than its DATASET."""
    from bench.torture.processes import answer_of

    def fill(home: Path) -> None:
        import shutil

        shutil.copytree(room.shop(), home)
        answer_of(lambda: load(home), room.folder / "load.log")

    return room.made("other_source", fill)


def _moves(state: HomeState) -> object:
    return state.pointer, state.marks, [(move.from_version, move.to_version) for move in state.ledger]


def _newest_model(state: HomeState) -> object:
    newest = state.versions[max(state.versions)]
    return newest.logged, newest.stored, newest.is_complete


def _landing_violations(folder: Path, state: HomeState, ended: bool) -> list[str]:
    landing = folder / "home" / "landing"
    waiting, accepted = ({path.name for path in place.glob("*.csv")} for place in (landing, landing / "accepted"))
    loaded = sum(state.by_feed.get("landing", (0, 0)))
    found = []
    if loaded not in ((FILES * ROWS,) if ended else (0, FILES * ROWS)):
        found.append(f"{FILES * ROWS} rows were delivered, and {loaded} were accepted or rejected")
    if len(waiting | accepted) != FILES:
        found.append(f"{FILES - len(waiting | accepted)} of {FILES} landing files are gone")
    if accepted and not loaded:
        found.append(f"{len(accepted)} landing files moved to accepted/ before their rows were committed")
    return found


def _backup_violations(folder: Path, state: HomeState, ended: bool) -> list[str]:
    from intent_platform.backup import restore, verified_manifest
    from intent_platform.errors import BackupError

    backup = folder / "backup"
    if not backup.exists():
        return ["there is no backup"] if ended else []
    try:
        verified_manifest(backup)
    except BackupError as error:
        return [f"the backup is not complete: {error}"]
    if not ended:
        return []
    from bench.torture.state import state_of

    restore(use(folder / "restored"), backup)
    restored = state_of(folder / "restored")
    found = [] if restored == state else ["the restored home differs from the home"]
    unfinished = [path.name for path in folder.iterdir() if path.name.endswith(".unfinished")]
    return found + [f"the unfinished backup {name} was left" for name in unfinished]


def _shop(room: Room) -> Path:
    return room.shop()


#: Places in `version_names`.
MARKED, SUPERSEDED, CHALLENGER = 1, 2, -1
FIRST_START = Operation("first start", lambda _: None, start, steps.FIRST_START, lambda state: state.days, ("SOURCE",))
OPERATIONS = (
    Operation("rollback", _shop, partial(roll_back_to_place, SUPERSEDED), steps.ROLLBACK, _moves),
    Operation(
        "rollback to a quarantined version",
        _shop,
        partial(roll_back_to_place, MARKED),
        steps.ROLLBACK_TO_MARKED,
        _moves,
    ),
    Operation("forced promotion", _shop, partial(force_place, MARKED), steps.FORCE_OF_MARKED, _moves),
    Operation("promotion", _shop, promote, steps.PROMOTION, _moves),
    Operation("challenger", _shop, train, steps.CHALLENGER, _newest_model),
    Operation("scores", _shop, score, steps.SCORES, lambda state: state.days, ("SCORES",)),
    Operation("dataset", _with_other_source, build_dataset, steps.DATASET, lambda state: state.days, ("DATASET",)),
    Operation("source load", _shop, load, steps.LOAD, lambda state: state.days, ("SOURCE", "SOURCE_REJECTED")),
    Operation(
        "landing load",
        _with_files,
        load_landing,
        steps.LANDING_LOAD,
        lambda state: state.days,
        ("SOURCE", "SOURCE_REJECTED"),
        _landing_violations,
    ),
    Operation("prune", _shop, prune, steps.PRUNE, lambda state: sorted(state.versions)),
    Operation("rollback command", _shop, roll_back_by_command, steps.ROLLBACK_COMMAND, _moves),
    Operation("demo", _shop, lambda home: command(home, "demo"), steps.DEMO, lambda state: (state.days, _moves(state))),
    FIRST_START,
    Operation("backup", _shop, back_up, steps.BACKUP, lambda state: state.days, found=_backup_violations),
)
