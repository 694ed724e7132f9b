"""What the account tells about itself: its release, its policies, and the privileges of a role. And waiting."""

import math
import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.results import literal, rows

_GRANT = re.compile(
    r"GRANT (?P<privileges>.+) ON (?P<kind>\w+)(?: (?P<name>\S+))? TO ROLE (?P<role>\S+)", re.IGNORECASE
)
_DEFAULT_ZONE = "America/Los_Angeles"


def privileges_of(call: Call, role: str) -> Answer:
    """The privileges of a role, in the columns of SHOW GRANTS TO ROLE."""
    account = call.emulator.connection_parameters["account"]
    missing = call.emulator.answers.get("privileges.missing", [])
    shown = []
    for found in map(_GRANT.fullmatch, sorted(call.emulator.state.of("grants"))):
        if found and found["role"].upper() == role:
            kind, name = found["kind"].upper(), (found["name"] or account).upper()
            shown += [
                ("", privilege, kind, name, "ROLE", role, "false", "ACCOUNTADMIN")
                for privilege in found["privileges"].upper().split(", ")
                if f"{privilege} ON {kind}" not in missing
            ]
    columns = ["created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name"]
    return rows([*columns, "grant_option", "granted_by"], shown)


def show_policies(call: Call) -> Answer:
    """As many policies as an account once showed, without their names."""
    kind = call.reader.tokens[1].text.lower()
    call.reader.expect("POLICIES")
    count = call.emulator.answers.get(f"login.{kind}_policies", 0)
    return rows(["name"], [(f"POLICY_{number}",) for number in range(count if isinstance(count, int) else 0)])


def wait(call: Call) -> Answer:
    """SYSTEM$WAIT: wait for some seconds, but at most as long as the session's statements may take."""
    seconds = float(call.reader.group())
    call.reader.end()
    limit = float(call.session.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS", math.inf))
    time.sleep(min(seconds, limit))
    if seconds > limit:
        raise error(f"Statement reached its statement or warehouse timeout of {limit:.0f} second(s).", 630, "57014")
    return rows(["SYSTEM$WAIT"], [(f"waited {seconds:.0f} seconds",)])


def version(call: Call, _: str) -> str:
    """The release of the account."""
    return literal(call.emulator.answers.get("login.version", "0.0.0"))


def region(call: Call, _: str) -> str:
    """The region of the account."""
    return literal(call.emulator.answers.get("login.region", "EMULATED"))


def current_date(call: Call, _: str) -> str:
    """The date in the time zone of the session, at the time that a task runs at."""
    zone = ZoneInfo(call.session.parameters.get("TIMEZONE", _DEFAULT_ZONE))
    moment = call.session.ticked_at or datetime.now(UTC)
    return f"CAST('{moment.astimezone(zone).date().isoformat()}' AS DATE)"


RULES = [Rule(["SHOW NETWORK", "SHOW AUTHENTICATION"], show_policies)]
