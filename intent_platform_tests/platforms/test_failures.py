"""The sentence for each number of Snowflake's errors."""

import pytest
from snowflake.connector.errors import ProgrammingError

from intent_platform.errors import VersionUnfit, WarehouseError
from intent_platform.platforms.snowflake.failures import explained, explained_alike, refusal_number

NAMES = ("account", "user", "role", "warehouse", "database", "schema")
PACKAGES = "Cannot create a Python function with the specified packages."
NOT_OWNED = (
    "Insufficient privileges to operate on table 'T'. Your primary role R must have OWNERSHIP granted on TABLE D.S.T."
)
#: By case: the number and the message of Snowflake, the statement, and a part of the sentence.
CASES = {
    "no current database": (90105, "no current database", "SELECT 1", "run `make setup`"),
    "no current schema": (90106, "no current schema", "SHOW TABLES", "run `make setup`"),
    "unknown procedure": (2139, "Unknown function TRAINING", "CALL TRAINING()", "run `make deploy-sproc`"),
    "no warehouse for a procedure": (391531, "A warehouse is required", "CREATE PROCEDURE P", "no warehouse runs"),
    "package of a model": (391546, PACKAGES, "CREATE MODEL M", "cannot install the Python packages"),
    "package of a procedure": (391521, PACKAGES, "CREATE PROCEDURE P", "cannot install the Python packages"),
    "package by another number": (100357, PACKAGES, "CREATE PROCEDURE P", "cannot install the Python packages"),
    "Python at creation": (100357, "Function handler not found", "CREATE PROCEDURE P", "cannot create an object"),
    "Python in a procedure": (100357, "ValueError", "CALL TRAINING()", "a stored procedure failed"),
    "no schema to use": (2043, "Object does not exist, or operation cannot be performed.", "USE S", "run `make setup`"),
    "role of somebody else": (3013, "Requested role 'R' is not assigned", "USE ROLE R", "does not have a role"),
    "grant without right": (3102, "Grant not executed: Insufficient privileges.", "GRANT", "admin_role=ACCOUNTADMIN"),
    "task without right": (91089, "Cannot execute task", "ALTER TASK T RESUME", "grant it EXECUTE TASK on the account"),
    "repository": (2003, "Artifact Repository 'R' does not exist", "CREATE MODEL M", "PYPI_REPOSITORY_USER"),
    "named privilege": (3001, NOT_OWNED, "ALTER TABLE T", r"lacks OWNERSHIP on TABLE D\.S\.T: grant it"),
    "canceled": (604, "SQL execution canceled", "SELECT 1", "somebody canceled the statement"),
    "too long": (630, "Statement reached its timeout", "SELECT 1", "snowflake.statement_timeout_seconds"),
}


def raised(number: int, message: str, query: str) -> None:
    """Raise Snowflake's error for a statement, as the connector does."""
    with explained({name: name for name in NAMES}):
        raise ProgrammingError(msg=message, errno=number, sqlstate="22000", query=query)


@pytest.mark.parametrize(("number", "message", "query", "sentence"), CASES.values(), ids=CASES)
def test_says_what_to_do(number, message, query, sentence):
    with pytest.raises(WarehouseError, match=sentence):
        raised(number, message, query)


@pytest.mark.parametrize("query", ["SELECT 1", "\n  INSERT INTO SCORES", "with s AS (SELECT 1) SELECT 1"])
def test_in_a_model_is_a_fault_of_the_version(query):
    with pytest.raises(VersionUnfit, match="choose another version"):
        raised(100357, "ValueError in predict_proba", query)


def test_with_another_number_stays_as_it_is():
    with pytest.raises(ProgrammingError, match="a new one"):
        raised(123456, "a new one", "SELECT 1")


@pytest.mark.parametrize(
    ("number", "other", "alike"),
    [(2139, 2141, True), (2003, 2141, False), (904, 100051, True), (904, 2003, False), (100357, 904, False)],
)
def test_of_two_numbers_may_be_explained_alike(number, other, alike):
    assert explained_alike(number, other) == alike
    assert explained_alike(other, number) == alike


def test_is_found_behind_its_explanation():
    with pytest.raises(WarehouseError) as caught:
        raised(2003, "Table 'T' does not exist", "SELECT 1")
    assert refusal_number(caught.value) == 2003
    assert refusal_number(ValueError("of this code")) is None
