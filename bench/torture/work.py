"""The work that is killed or done at once: functions of a home or a platform that do what assets and commands do."""

import csv
import random
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from bench.torture.homes import MONTH, use
from intent_platform.errors import IntentPlatformError
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform

WINDOW = Window(date(2025, 4, 3), date(2025, 4, 13))
#: The landing files of a trial, and the rows of each. One in twenty rows breaks the contract.
FILES, ROWS = 3, 200
#: Places in `version_names`.
MARKED, SUPERSEDED, CHALLENGER = 1, 2, -1
if TYPE_CHECKING:
    from intent_platform.pipeline.source import SourceLoad

LANDING = {"FEED": "landing", "LANDING_QUIET_SECONDS": "0", "LANDING_DONE_FILES": "true"}
#: Another seed of the simulated shop. So a load changes the rows that the template has.
_OTHER_SESSIONS = {"SIMULATED_SEED": "1"}
#: The shortest retention that the settings of the shop allow without pooled months.
RAW_DAYS = 76
RETENTION = {"RETENTION_RAW_DAYS": str(RAW_DAYS), "GATE_POOL_MONTHS": "0"}
_REASON, _RUN = "torture", "torture"
_UNFORESEEN = "unforeseen error"


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


def load(home: Path, **overrides: str) -> "SourceLoad":
    """Load a window from the feed of the settings; without overrides, from the simulated shop with another seed."""
    from intent_platform.pipeline.source import load_window
    from intent_platform.sessions.choice import session_source
    from intent_platform.sessions.feed import Feed

    settings = use(home, **(overrides or _OTHER_SESSIONS))
    feed = session_source(settings)
    assert isinstance(feed, Feed), "the settings name a feed"  # noqa: S101  for the type checker
    return load_window(platform_for(settings), feed, WINDOW)


def load_landing(home: Path) -> "SourceLoad":
    """Load the landing files."""
    return load(home, **LANDING)


def build_dataset(home: Path) -> None:
    """Build a window of DATASET from SOURCE."""
    from intent_platform.pipeline import dataset
    from intent_platform.sessions.choice import session_source

    settings = use(home)
    dataset.build_dataset(platform_for(settings), WINDOW, session_source(settings))


def delete_expired(home: Path) -> None:
    """Delete raw sessions that are too old, as the job `retention_job` does."""
    from intent_platform.pipeline import expiry
    from intent_platform.sessions.choice import session_source

    settings = use(home, **RETENTION)
    landing, platform = settings.landing_folder, platform_for(settings)
    expiry.delete_expired(platform, session_source(settings), RAW_DAYS, landing, run_id=_RUN)


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


def play_demo(home: Path) -> None:
    """Play the months that the home lacks."""
    command(home, "demo")


def prune(home: Path, keep: int = 1) -> None:
    """Delete leftovers and all dispensable versions but the newest `keep`."""
    from intent_platform.pipeline import retention

    retention.prune(platform_of(home), keep)


def start(home: Path) -> None:
    """Set up a new home, and open its registry."""
    command(home, "setup")
    platform_of(home).registry.champion()


def back_up(home: Path, to: Path) -> None:
    """Make a backup in the folder `to`. A complete one is left alone."""
    from intent_platform.upkeep import backup

    if not to.exists():
        backup.back_up(use(home), to)


class CommandRefused(IntentPlatformError):
    """A command refused. The text is what it told its user."""


def command(home: Path, *arguments: str, **overrides: str) -> str:
    """Run a command as its user does, and return what it printed.

    Raises:
        CommandRefused: it refused.
        RuntimeError: it failed otherwise. The text is what it told its user.
    """
    from intent_platform.__main__ import main

    use(home, **overrides)
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        code = main([*arguments])
    # Before the command's own sentence, libraries may have written to stderr.
    own, told = f"{arguments[0]}: ", errors.getvalue().strip()
    told = told[max(told.rfind(f"\n{own}") + 1, 0) :]
    if code == 1 and _UNFORESEEN not in told:
        raise CommandRefused(told)
    if code != 0:
        raise RuntimeError(f"{arguments[0]} ended with the code {code}: {told}")
    return output.getvalue()


def drop_files(folder: Path, files: int, seed: str, first: date = WINDOW.start) -> None:
    """Drop landing files with `ROWS` rows each of the days from `first` on, and the file NAME.done beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        drawn = random.Random(f"{seed} {number}")  # noqa: S311  not for secrets
        path = folder / landing_file(number, seed)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*session_row(drawn, 0, first)])
            writer.writeheader()
            writer.writerows(session_row(drawn, row, first) for row in range(ROWS))
        path.with_name(f"{path.name}.done").touch()


def landing_file(number: int, seed: str = "first") -> str:
    """The name of a landing file of a trial."""
    return f"sessions_{seed}_{number}.csv"


def session_row(drawn: random.Random, number: int, first: date = WINDOW.start) -> Mapping[str, object]:
    """A session. It breaks the contract if `number` is divisible by 20."""
    behaviour = ("ADMINISTRATIVE", "INFORMATIONAL", "PRODUCTRELATED")
    measures = ("BOUNCERATES", "EXITRATES", "PAGEVALUES", "SPECIALDAY")
    codes = ("OPERATINGSYSTEMS", "BROWSER", "REGION", "TRAFFICTYPE")
    uid = f"{drawn.getrandbits(128):032x}"
    return {
        "UID": "-".join((uid[:8], uid[8:12], uid[12:16], uid[16:20], uid[20:])),
        "SESSION_DATE": (first + timedelta(days=drawn.randrange(len(WINDOW)))).isoformat(),
        **{name: drawn.randrange(9) for name in behaviour},
        **{f"{name}_DURATION": drawn.randrange(900) for name in behaviour},
        **{name: round(drawn.random(), 3) for name in measures},
        **{name: drawn.randrange(1, 9) for name in codes},
        "MONTH": "Apr" if number % 20 else "April",
        "VISITORTYPE": "New_Visitor",
        "WEEKEND": drawn.random() < 0.3,
        "REVENUE": drawn.random() < 0.2,
    }
