"""Privileges on the emulated account: what may be granted, who sees what, and what ownership allows."""

from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.emulator import no_need
from intent_platform_tests.snowflake_emulator.rules import RULES
from intent_platform_tests.snowflake_emulator.server import RunningEmulator

#: The rules that need nothing, or whose handler checks what it finds.
WITHOUT_NEED = {
    *("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "COPY", "CALL", "PUT", "GET", "LIST"),
    *("BEGIN", "COMMIT", "ROLLBACK"),
    *("SHOW DATABASES", "SHOW SCHEMAS", "SHOW TASKS", "SHOW MODELS", "SHOW VERSIONS", "SHOW FUNCTIONS"),
    *("SHOW MODEL MONITORS", "SHOW NETWORK", "SHOW AUTHENTICATION"),
    *("SHOW WAREHOUSES", "SHOW PARAMETERS", "SHOW GRANTS", "GRANT", "REVOKE", "USE ROLE", "USE WAREHOUSE"),
    *("ALTER SESSION", "DESCRIBE PROCEDURE", "DESC ARTIFACT REPOSITORY", "CREATE FILE FORMAT"),
}


def test_are_checked_by_every_other_rule():
    without = {head for rule in RULES if rule.need is no_need for head in rule.heads}
    assert without == WITHOUT_NEED


@pytest.fixture
def guest(connection: Any) -> Iterator[Any]:
    """A cursor of the role GUEST, who may use the schema and the warehouse. Table T has the owner ACCOUNTADMIN."""
    administrator = connection.cursor()
    place = f"{connection.database}.{connection.schema}"
    for statement in (
        "CREATE ROLE IF NOT EXISTS GUEST",
        "GRANT ROLE GUEST TO USER SOMEBODY",
        f"GRANT USAGE ON DATABASE {connection.database} TO ROLE GUEST",
        f"GRANT USAGE ON SCHEMA {place} TO ROLE GUEST",
        "GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE GUEST",
        "CREATE TABLE T (A INT)",
        "USE ROLE GUEST",
    ):
        administrator.execute(statement)
    yield administrator
    administrator.execute("USE ROLE ACCOUNTADMIN")


def as_administrator(guest: Any, statement: str) -> None:
    guest.execute("USE ROLE ACCOUNTADMIN")
    guest.execute(statement)
    guest.execute("USE ROLE GUEST")


def number_of(cursor: Any, statement: str) -> int | None:
    """The number of the error of a statement; None if it succeeds."""
    try:
        cursor.execute(statement)
    except ProgrammingError as error:
        return error.errno
    return None


class TestGrant:
    @pytest.mark.parametrize(
        ("statement", "errno"),
        [
            ("GRANT FROBNICATE ON SCHEMA {s} TO ROLE PUBLIC", 1003),
            ("GRANT SELECT ON SCHEMA {s} TO ROLE PUBLIC", 1003),
            ("GRANT SELECT ON TABLE NOWHERE TO ROLE PUBLIC", 2003),
            ("GRANT SELECT ON TABLE T TO ROLE NOBODY", 2003),
            ("GRANT USAGE ON WAREHOUSE NOWHERE TO ROLE PUBLIC", 2003),
            ("GRANT ROLE NOBODY TO USER SOMEBODY", 2003),
            ("GRANT ROLE PUBLIC TO USER NOBODY", 2003),
            ("GRANT DATABASE ROLE SNOWFLAKE.NOBODY TO ROLE PUBLIC", 2003),
            ("GRANT SELECT ON TABLE T", 1003),
            ("GRANT SELECT ON TABLE T TO ROLE PUBLIC WITH GRANT OPTION", 1003),
        ],
    )
    def test_is_validated(self, connection: Any, statement: str, errno: int) -> None:
        connection.cursor().execute("CREATE TABLE T (A INT)")
        assert number_of(connection.cursor(), statement.format(s=connection.schema)) == errno

    def test_needs_ownership(self, guest: Any) -> None:
        as_administrator(guest, "GRANT SELECT ON TABLE T TO ROLE GUEST")
        assert number_of(guest, "GRANT SELECT ON TABLE T TO ROLE PUBLIC") == 3102

    def test_is_shown_with_its_columns(self, guest: Any) -> None:
        as_administrator(guest, "GRANT SELECT, INSERT ON TABLE T TO ROLE GUEST")
        shown = guest.execute("SHOW GRANTS ON TABLE T").fetchall()
        columns = [column.name for column in guest.description]
        assert columns == [
            *("created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option"),
            "granted_by",
        ]
        assert [(row[1], row[5]) for row in shown] == [
            ("INSERT", "GUEST"),
            ("OWNERSHIP", "ACCOUNTADMIN"),
            ("SELECT", "GUEST"),
        ]

    def test_ends_with_its_object(self, guest: Any) -> None:
        as_administrator(guest, "GRANT SELECT ON TABLE T TO ROLE GUEST")
        as_administrator(guest, "DROP TABLE T")
        as_administrator(guest, "CREATE TABLE T (A INT)")
        assert number_of(guest, "SELECT * FROM T") == 2003


class TestStatement:
    def test_does_not_see_a_table_without_any_privilege(self, guest: Any) -> None:
        assert number_of(guest, "SELECT * FROM T") == 2003

    @pytest.mark.parametrize(
        ("privilege", "statement"),
        [
            ("SELECT", "WITH S AS (SELECT * FROM T) SELECT * FROM S"),
            ("INSERT", "INSERT INTO T VALUES (1)"),
            ("DELETE", "DELETE FROM T"),
            ("UPDATE", "UPDATE T SET A = 1"),
        ],
    )
    def test_needs_its_privilege(self, guest: Any, privilege: str, statement: str) -> None:
        as_administrator(guest, "GRANT REFERENCES ON TABLE T TO ROLE GUEST")
        assert number_of(guest, statement) == 3001
        as_administrator(guest, f"GRANT {privilege} ON TABLE T TO ROLE GUEST")
        assert number_of(guest, statement) is None

    @pytest.mark.parametrize(
        "statement",
        ["ALTER TABLE T ADD COLUMN B INT", "DROP TABLE T", "CREATE OR REPLACE TABLE T (B INT)"],
    )
    def test_needs_ownership_to_change_the_table(self, guest: Any, statement: str) -> None:
        as_administrator(guest, "GRANT ALL ON TABLE T TO ROLE GUEST")
        as_administrator(guest, f"GRANT CREATE TABLE ON SCHEMA {guest.connection.schema} TO ROLE GUEST")
        assert number_of(guest, statement) == 3001
        as_administrator(guest, "GRANT OWNERSHIP ON TABLE T TO ROLE GUEST COPY CURRENT GRANTS")
        assert number_of(guest, statement) is None

    def test_needs_no_privilege_for_a_temporary_table(self, guest: Any) -> None:
        assert number_of(guest, "CREATE TABLE MINE (A INT)") == 3001
        assert number_of(guest, "CREATE TEMPORARY TABLE MINE (A INT)") is None
        assert number_of(guest, "INSERT INTO MINE VALUES (1)") is None

    def test_needs_a_warehouse_that_the_role_may_use(self, guest: Any, emulator: RunningEmulator) -> None:
        as_administrator(guest, "GRANT SELECT ON TABLE T TO ROLE GUEST")
        as_administrator(guest, "REVOKE USAGE ON WAREHOUSE COMPUTE_WH FROM ROLE GUEST")
        assert number_of(guest, "SELECT * FROM T") == 606
        assert number_of(guest, "SELECT 1") is None
        assert number_of(guest, "USE WAREHOUSE COMPUTE_WH") == 2043


class TestRole:
    def test_inherits_the_roles_that_are_granted_to_it(self, guest: Any) -> None:
        as_administrator(guest, "CREATE ROLE IF NOT EXISTS READING")
        as_administrator(guest, "GRANT SELECT ON TABLE T TO ROLE READING")
        as_administrator(guest, "GRANT ROLE READING TO ROLE GUEST")
        assert number_of(guest, "SELECT * FROM T") is None

    def test_of_somebody_else_cannot_be_used(self, guest: Any) -> None:
        as_administrator(guest, "CREATE ROLE IF NOT EXISTS SOMEBODY_ELSES")
        assert number_of(guest, "USE ROLE SOMEBODY_ELSES") == 3013
