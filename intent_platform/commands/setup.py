"""Prepare the deployment and load the source data."""

from argparse import ArgumentParser
from hashlib import file_digest
from pathlib import Path

from rich.console import Console

from intent_platform.automation.jobs import SESSIONS_JOB
from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError
from intent_platform.instance import open_instance, run_job
from intent_platform.pipeline.observation import prepare_observed
from intent_platform.pipeline.summary import other_feed, row_counts
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.choice import session_source
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import SOURCE, SOURCE_REJECTED

_OWN_PASTS = ("simulated", "uci")


def options(parser: ArgumentParser) -> None:
    """Where the sessions come from, and how an account is prepared."""
    csv_option(parser)
    parser.add_argument("--admin-role", help="on Snowflake: the role that makes database and roles, once")
    parser.add_argument("--dry-run", action="store_true", help="on Snowflake: show the statements, run none")


def csv_option(parser: ArgumentParser) -> None:
    """The UCI file, as typed after `csv=`, where no shell expands the `~`."""
    parser.add_argument(
        "--csv",
        type=lambda text: Path(text).expanduser(),
        metavar="CSV",
        help="the UCI file; without it the data is fetched once",
    )


def settings_with(csv: Path | None) -> Settings:
    """The settings; a given `csv` is the UCI feed's file.

    Raises:
        FeedError: there is no such file, or the home holds the sessions of another one.
    """
    settings = load_settings() if csv is None else load_settings(feed="uci")
    if csv is not None:
        settings = settings.model_copy(update={"uci": settings.uci.model_copy(update={"csv": csv.absolute()})})
    given = settings.uci.csv
    if settings.feed == "uci" and given is not None:
        if not given.is_file():
            raise FeedError(f"there is no file {given}: give the path of online_shoppers_intention.csv")
        _refuse_another_file(settings, given)
    return settings


def _refuse_another_file(settings: Settings, csv: Path) -> None:
    """Sessions of two files in one home would make a past that never was."""
    copy = settings.uci_copy
    if copy.exists() and _digest(copy) != _digest(csv):
        raise FeedError(
            f"the home {settings.home} holds the sessions of another file than {csv}: "
            "set INTENT_PLATFORM_HOME to a new folder, or remove that one"
        )


def refuse_a_mixture(settings: Settings, platform: Platform) -> None:
    """The UCI year and the simulated shop are pasts of their own: one warehouse holds one of them.

    Raises:
        FeedError: the warehouse has sessions of the other.
    """
    is_new = settings.deployment == "local" and not settings.warehouse_file.exists()
    if is_new or settings.feed not in _OWN_PASTS:
        return
    with platform.warehouse.connect() as connection:
        found = other_feed(connection, settings.feed, _OWN_PASTS)
    if found is not None:
        raise FeedError(
            f"the {settings.deployment} warehouse holds sessions of the feed {found}, and {settings.feed} is another "
            f"past: set INTENT_PLATFORM_FEED={found}, or INTENT_PLATFORM_HOME to a new folder"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def run(csv: Path | None, admin_role: str | None, *, dry_run: bool) -> None:
    """Create what is missing, load every day that the feed has, and count.

    On Snowflake the statements are shown first; with `dry_run` nothing else happens. `admin_role` makes database and
    roles before.
    """
    settings = settings_with(csv)
    platform = platform_for(settings)
    if settings.deployment != "local":
        from intent_platform.platforms.snowflake.connector import SnowflakeConnector
        from intent_platform.platforms.snowflake.preparation import prepare

        prepare(SnowflakeConnector(settings), admin_role, print, dry=dry_run)
        if dry_run:
            return
    refuse_a_mixture(settings, platform)
    source = session_source(settings)
    extent, observed = source.extent(), source if isinstance(source, ObservedTable) else None
    with open_instance(settings) as instance:
        if extent is not None:
            run_job(build_definitions(settings), instance, SESSIONS_JOB.name, window=extent, only="source")
        elif observed is None:
            settings.landing_folder.mkdir(parents=True, exist_ok=True)
    sessions = observed.table if observed else SOURCE
    with platform.warehouse.connect() as connection:  # creates the tables that are missing
        if observed:
            prepare_observed(connection, observed)
        counts = row_counts(connection, (sessions, SOURCE_REJECTED))
    Console().print(
        f"Deployment [bold]{settings.deployment}[/bold] is ready: "
        f"{counts[sessions.name]:,} sessions in {observed.title if observed else SOURCE.name}, "
        f"{counts['SOURCE_REJECTED']:,} rejected. "
        + ("" if extent or observed else f"The feed is {settings.feed}: drop files into {settings.landing_folder}."),
        soft_wrap=True,
    )
