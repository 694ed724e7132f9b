"""What the account tells about itself: its release and its policies. And waiting."""

import math
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.results import literal, rows

_DEFAULT_ZONE = "America/Los_Angeles"


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
