"""A test double of a Snowflake account, for the real client libraries over HTTP. See README.md."""

from intent_platform_tests.snowflake_emulator.faults import Fault
from intent_platform_tests.snowflake_emulator.server import serve

__all__ = ["Fault", "serve"]
