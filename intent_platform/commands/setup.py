"""`make setup [csv=PATH]`: create the deployment's tables and load the source data."""

from pathlib import Path

from rich.console import Console

from intent_platform.automation.jobs import SESSIONS_JOB
from intent_platform.commands.instance import open_instance, run_job
from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError
from intent_platform.platforms import platform_for
from intent_platform.sessions.feed import open_feed
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import SOURCE, SOURCE_REJECTED


def settings_with(csv: Path | None) -> Settings:
    """The settings; a given `csv` is the UCI feed's file.

    Raises:
        FeedError: there is no such file.
    """
    if csv is None:
        return load_settings()
    if not csv.is_file():
        raise FeedError(f"there is no file {csv}: give the path of online_shoppers_intention.csv")
    settings = load_settings(feed="uci")
    return settings.model_copy(update={"uci": settings.uci.model_copy(update={"csv": csv.absolute()})})


def setup(csv: Path | None) -> None:
    """Create what is missing, load every day that the feed has, and count."""
    settings = settings_with(csv)
    platform = platform_for(settings)
    extent = open_feed(settings).extent()
    with open_instance(settings) as instance:
        if extent is None:
            settings.landing_folder.mkdir(parents=True, exist_ok=True)
        else:
            run_job(build_definitions(settings), instance, SESSIONS_JOB.name, window=extent, only="source")
    with platform.warehouse.session() as session:  # creates the tables that are missing
        counts = {
            table.name: session.fetch(f"SELECT COUNT(*) AS COUNTED FROM {table.name}")["COUNTED"][0].as_py()  # noqa: S608
            for table in (SOURCE, SOURCE_REJECTED)
        }
    Console().print(
        f"Deployment [bold]{settings.deployment}[/bold] is ready: {counts['SOURCE']:,} sessions in SOURCE, "
        f"{counts['SOURCE_REJECTED']:,} rejected. "
        + ("" if extent else f"The feed is {settings.feed}: drop files into {settings.landing_folder}."),
        soft_wrap=True,
    )
