"""A stand-in for a Snowflake account: the real client libraries talk to it over HTTP. A test double, see README.md."""

from intent_platform_tests.snowflake_emulator.faults import Fault
from intent_platform_tests.snowflake_emulator.server import serve

__all__ = ["Fault", "serve"]
