"""Create the tables and load the source data."""

from argparse import ArgumentParser
from hashlib import file_digest
from pathlib import Path

from intent_platform.automation.jobs import SESSIONS_JOB
from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError, SettingsError
from intent_platform.instance import open_instance, run_job
from intent_platform.pipeline.observation import prepare_observed
from intent_platform.pipeline.summary import other_feed, row_counts
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.choice import session_source
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings, load_settings
from intent_platform.settings.types import absolute_path
from intent_platform.tables import SOURCE, SOURCE_REJECTED
from intent_platform.terminal import bold, open_console

_EXCLUSIVE_FEEDS = ("simulated", "uci")  # each is a complete past, so one warehouse holds only one of them


def options(parser: ArgumentParser) -> None:
    """Declare the UCI file, and how to prepare a Snowflake account."""
    csv_option(parser)
    parser.add_argument("--admin-role", help="on Snowflake: a role that creates the database and the roles")
    parser.add_argument(
        "--dry-run", action="store_true", help="on Snowflake: print the statements without running them"
    )


def csv_option(parser: ArgumentParser) -> None:
    """Declare the path of the UCI file. The shell does not expand `~` after `make … csv=`, so the option does."""
    parser.add_argument(
        "--csv",
        type=absolute_path,
        metavar="CSV",
        help="the UCI file; without it, the feed uci downloads the file once",
    )


def settings_with(csv: Path | None) -> Settings:
    """Return the settings. A `csv` selects the feed `uci` and is its file.

    Raises:
        FeedError: the file does not exist or cannot be read, or the home holds the sessions of another file.
    """
    settings = load_settings() if csv is None else load_settings(feed="uci")
    if csv is not None:
        settings = settings.model_copy(update={"uci": settings.uci.model_copy(update={"csv": csv.absolute()})})
    given = settings.uci.csv
    if settings.feed == "uci" and given is not None:
        try:
            if not given.is_file():
                raise FeedError(f"there is no file {given}: give the path of online_shoppers_intention.csv")
            _refuse_another_file(settings, given)
        except OSError as error:
            raise FeedError(
                f"the file {given} cannot be read ({error.strerror}): give the path of online_shoppers_intention.csv"
            ) from error
    return settings


def _refuse_another_file(settings: Settings, csv: Path) -> None:
    """Raise an error if the home has the sessions of another file. A mixture would be a past that never happened."""
    copy = settings.uci_copy
    if copy.exists() and _digest(copy) != _digest(csv):
        raise FeedError(
            f"the home folder {settings.home} holds the sessions of another file, not of {csv}: "
            "set INTENT_PLATFORM_HOME to a new folder, or delete the old one"
        )


def refuse_a_mixture(settings: Settings, platform: Platform) -> None:
    """Raise an error if the feed's sessions would mix with those of another past.

    The UCI year and the simulated shop are different pasts. One warehouse holds only one of them.

    Raises:
        FeedError: the warehouse has sessions of the other past.
    """
    # Connecting to a new warehouse would create its file. A command that fails later must leave nothing behind.
    is_new = settings.deployment == "local" and not settings.warehouse_file.exists()
    if is_new or settings.feed not in _EXCLUSIVE_FEEDS:
        return
    with platform.warehouse.connect() as connection:
        other = other_feed(connection, settings.feed, _EXCLUSIVE_FEEDS)
    if other is not None:
        raise FeedError(
            f"the {settings.deployment} warehouse holds sessions of the feed {other}, which must not mix with "
            f"{settings.feed}: set INTENT_PLATFORM_FEED={other}, or INTENT_PLATFORM_HOME to a new folder"
        )


def _make_landing_folder(settings: Settings) -> None:
    try:
        settings.landing_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FeedError(
            f"cannot create the landing folder {settings.landing_folder} ({error.strerror}): set "
            "INTENT_PLATFORM_LANDING_FOLDER to a folder that you can write"
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def run(csv: Path | None, admin_role: str | None, *, dry_run: bool) -> None:
    """Create the missing tables, load every day that the source has, and print the row counts.

    On Snowflake, this first creates the missing objects of the account and prints their statements. With `admin_role`,
    that role creates the database and the roles before. With `dry_run`, the statements are only printed.

    Raises:
        FeedError: the source cannot deliver, or the warehouse has sessions of another file or feed.
        SettingsError: an option for Snowflake was given, and the deployment is local.
    """
    settings = settings_with(csv)
    if settings.deployment == "local" and (dry_run or admin_role is not None):
        raise SettingsError(
            f"{'dry_run' if dry_run else 'admin_role'} is for Snowflake, and the deployment is local: leave it out, or "
            "set INTENT_PLATFORM_DEPLOYMENT to dev or prod"
        )
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
            _make_landing_folder(settings)
    sessions = observed.table if observed else SOURCE
    with platform.warehouse.connect() as connection:  # creates the tables that are missing
        if observed:
            prepare_observed(connection, observed)
        counts = row_counts(connection, (sessions, SOURCE_REJECTED))
    open_console().print(
        "Deployment ",
        bold(settings.deployment),
        f" is ready: {counts[sessions.name]:,} sessions in {observed.title if observed else SOURCE.name}, "
        f"{counts['SOURCE_REJECTED']:,} rejected. "
        + ("" if extent or observed else f"The feed is {settings.feed}: drop files into {settings.landing_folder}."),
        sep="",
        soft_wrap=True,
    )
