"""Probes of the login: how the user proves who it is, and where the connection works."""

from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Ask, Probe, equals


def _authenticator(account: Account) -> Answer:
    """The kind of authenticator. An address is that of the company's own identity provider, so it is left out."""
    name = str(account.connector.parameters.get("authenticator", "password")).lower()
    return "identity provider" if "://" in name else name


def _role(account: Account) -> Answer:
    return account.value("SELECT CURRENT_ROLE()") == str(account.connector.parameters["role"]).upper()


def _warehouse(account: Account) -> Answer:
    return account.value("SELECT CURRENT_WAREHOUSE()") is not None


def _policies(kind: str) -> Ask:
    def ask(account: Account) -> Answer:
        number = account.refusal(f"SHOW {kind} POLICIES")
        return f"hidden from this role ({number:06d})" if number else len(account.rows(f"SHOW {kind} POLICIES"))

    return ask


PROBES = (
    Probe("login.authenticator", "a key pair on a server, single sign-on for a person", _authenticator),
    Probe("login.role", "the configured role is active", _role, equals(expected=True), "set snowflake.role to {role}"),
    Probe(
        "login.warehouse",
        "the configured virtual warehouse is active",
        _warehouse,
        equals(expected=True),
        "create the warehouse {warehouse}, or grant USAGE and OPERATE on it to role {role}",
    ),
    Probe("login.version", "any version", lambda account: account.value("SELECT CURRENT_VERSION()")),
    Probe("login.region", "any region", lambda account: account.value("SELECT CURRENT_REGION()")),
    Probe("login.network_policies", "policies allow this address", _policies("NETWORK")),
    Probe("login.authentication_policies", "policies allow this authenticator", _policies("AUTHENTICATION")),
)
