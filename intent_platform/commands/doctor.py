"""Ask the Snowflake account whether all that the platform assumes is true there.

The command prints a table, and writes the answers to a file in the home folder.
"""

from argparse import ArgumentParser

from intent_platform.errors import WarehouseError
from intent_platform.settings import load_settings
from intent_platform.terminal import open_console, plain_table


def options(parser: ArgumentParser) -> None:
    """Declare whether slow questions are asked too."""
    parser.add_argument("--full", action="store_true", help="also wait for the locks of a vanished client (minutes)")


def run(*, full: bool) -> None:
    """Ask the account in a scratch schema, print the table and write the file.

    Raises:
        SettingsError: the deployment is local, or the parameters of the connection are incomplete.
        WarehouseError: the account cannot be asked, or an answer would break the platform.
    """
    from intent_platform.platforms.snowflake.doctor.examination import PROBES, examine
    from intent_platform.platforms.snowflake.doctor.record import answers_file, write_answers

    settings, console = load_settings(), open_console()
    places = {probe.name: f"{place}/{len(PROBES)}" for place, probe in enumerate(PROBES, start=1)}
    examination = examine(
        settings, full=full, show=lambda finding: console.print(f"{places[finding.name]} {finding.name}", style="dim")
    )
    table = plain_table("What the platform assumes, and what the account does", show_lines=False)
    for header in ("probe", "the platform assumes", "this account", "verdict"):
        table.add_column(header, overflow="fold")
    for finding in examination.findings:
        table.add_row(*finding.row)
    console.print(table)
    file = answers_file(settings)
    write_answers(examination, file)
    open_console(soft_wrap=True).print(f"The answers are in {file}.")
    if examination.differences:
        raise WarehouseError(f"{examination.summary}: the table says what to do")
