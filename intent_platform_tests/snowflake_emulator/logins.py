"""Authentication: passwords, key pairs, tokens, single sign-on, workload identity. It checks the role as well.

Keys, access tokens and workload identities come from CREATE USER and ALTER USER, as in an account. Tests put passwords,
OAuth tokens and the keys of OIDC providers into `Emulator.logins`.
"""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_public_key

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Emulator, Rule
from intent_platform_tests.snowflake_emulator.errors import already_exists, error, syntax_error
from intent_platform_tests.snowflake_emulator.needs import on_account
from intent_platform_tests.snowflake_emulator.privileges import inherited
from intent_platform_tests.snowflake_emulator.reader import Reader, list_items
from intent_platform_tests.snowflake_emulator.results import rows, succeeded

IDENTITY_PROVIDER = "/emulated/identity-provider"
_KEY, _TOKENS, _IDENTITY = "RSA_PUBLIC_KEY", "tokens", "WORKLOAD_IDENTITY"
_AUDIENCE = "snowflakecomputing.com"


def create(call: Call) -> Answer:
    """Create a service user with a workload identity. A user without an identity has no way to log in here."""
    reader = call.reader
    exists = reader.take("IF", "NOT", "EXISTS")
    name, options = reader.name(), reader.options()
    reader.end()
    if options.keys() - {"TYPE", _IDENTITY, "COMMENT", "DEFAULT_ROLE", "DEFAULT_WAREHOUSE"}:
        raise syntax_error(f"the emulator creates users with a workload identity, not {reader.sql[:60]}")
    with call.emulator.state.changing("users") as users:
        if name in users and not exists:
            raise already_exists(name)
        if name not in users:
            if options.get("TYPE", "").upper() != "SERVICE" or _IDENTITY not in options:
                raise syntax_error("a workload identity is for a user of TYPE = SERVICE")
            users[name] = {_TOKENS: {}, _IDENTITY: _identity(options[_IDENTITY], users)}
    return succeeded(f"User {name} successfully created.")


def alter(call: Call) -> Answer:
    """Register a public key, or make a programmatic access token. Its secret is shown once."""
    reader, name = call.reader, call.reader.name()
    with call.emulator.state.changing("users") as users:
        user = users.setdefault(name, {_TOKENS: {}})
        if reader.take("SET", _KEY):
            reader.expect("=")
            user[_KEY] = reader.literal()
            reader.end()
            return succeeded()
        if reader.take("SET", _IDENTITY):
            reader.expect("=")
            user.pop(_IDENTITY, None)
            user[_IDENTITY] = _identity(reader.group(), users)
            reader.end()
            return succeeded()
        if reader.take("ADD") and reader.take_any("PROGRAMMATIC", "PAT"):
            reader.take("ACCESS", "TOKEN")
            token, secret = reader.name(), secrets.token_urlsafe(24)
            reader.end()
            user[_TOKENS][secret] = token
            return rows(["token_name", "token_secret"], [(token, secret)])
        raise syntax_error(f"the emulator gives users keys and tokens, not {reader.rest[:60]}")


def authenticate(emulator: Emulator, asked: Mapping[str, Any], role: str | None) -> str:
    """The name of the user, once the credentials and the role are checked.

    Raises:
        ProgrammingError: the credentials are wrong, or the user lacks the role.
    """
    authenticator = str(asked.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
    if authenticator not in _AUTHENTICATORS:
        raise error(f"the emulator knows no authenticator {authenticator}", 390104, "08001")
    user = _AUTHENTICATORS[authenticator](emulator, asked)
    if role and role.upper() not in inherited(emulator.state, "USER", user):
        raise error(
            f"Role '{role.upper()}' specified in the connect string does not exist or not authorized. Contact your "
            "local system administrator, or attempt to login with another role, e.g. PUBLIC.",
            390189,
            "08001",
        )
    return user


def begin_single_sign_on(emulator: Emulator, asked: Mapping[str, Any]) -> dict[str, str]:
    """Start single sign-on: the address for the browser, and the proof key."""
    proof = b64encode(secrets.token_bytes(16)).decode().strip("=").replace("+", "-").replace("/", "_")
    emulator.logins.confirmed[proof] = {
        "user": str(asked["LOGIN_NAME"]).upper(),
        "port": asked["BROWSER_MODE_REDIRECT_PORT"],
    }
    parameters = emulator.connection_parameters
    place = f"{parameters['protocol']}://{parameters['host']}:{parameters['port']}{IDENTITY_PROVIDER}"
    return {"ssoUrl": f"{place}?proof={proof}", "proofKey": proof}


def confirm_identity(emulator: Emulator, proof: str) -> str:
    """Play the identity provider: the address that sends the browser back to the client with a token."""
    confirmed = emulator.logins.confirmed[proof]
    confirmed["token"] = secrets.token_urlsafe(16)
    return f"http://localhost:{confirmed['port']}/?token={confirmed['token']}"


def identity_token(emulator: Emulator, asked: Mapping[str, Any]) -> dict[str, str]:
    """An identity token for clients that store one. It replaces the browser at the next login."""
    parameters = asked.get("SESSION_PARAMETERS", {})
    if asked.get("AUTHENTICATOR") != "EXTERNALBROWSER" or not parameters.get("CLIENT_STORE_TEMPORARY_CREDENTIAL"):
        return {}
    token = secrets.token_urlsafe(16)
    emulator.logins.remembered.add(token)
    return {"idToken": token}


def default_role(emulator: Emulator, user: str) -> str:
    """The role of a login that names none. The default role of a user cannot be set."""
    administers = "ACCOUNTADMIN" in inherited(emulator.state, "USER", user)
    return "ACCOUNTADMIN" if administers else "PUBLIC"


def known_users(emulator: Emulator) -> frozenset[str]:
    """The names of all users. OAuth tokens belong to `SOMEBODY`."""
    return frozenset({"SOMEBODY", *emulator.logins.passwords, *emulator.state.of("users")})


def _identity(written: str, users: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of `(TYPE = OIDC ISSUER = '…' SUBJECT = '…' OIDC_AUDIENCE_LIST = ('…'))`."""
    given = Reader(written)
    options = given.options()
    given.end()
    if options.get("TYPE", "").upper() != "OIDC" or options.keys() - {
        "TYPE",
        "ISSUER",
        "SUBJECT",
        "OIDC_AUDIENCE_LIST",
    }:
        raise syntax_error(f"the emulator knows identities of OIDC, not {written[:60]}")
    audiences = [item.strip("'") for item in list_items(options.get("OIDC_AUDIENCE_LIST", f"'{_AUDIENCE}'"))]
    identity = {"iss": options["ISSUER"], "sub": options["SUBJECT"], "aud": audiences}
    for user in users.values():
        known = user.get(_IDENTITY, {})
        if (known.get("iss"), known.get("sub")) == (identity["iss"], identity["sub"]):
            raise syntax_error("another user has this issuer and subject")
    return identity


def _by_password(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    user = str(asked["LOGIN_NAME"]).upper()
    known = emulator.logins.passwords.get(user)
    tokens = emulator.state.of("users").get(user, {}).get(_TOKENS, {})  # an access token may stand for a password
    if known is None or asked.get("PASSWORD") not in {known, *tokens}:
        raise error("Incorrect username or password was specified.", 390100, "08001")
    return user


def _by_key_pair(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    user = str(asked["LOGIN_NAME"]).upper()
    account = str(asked["ACCOUNT_NAME"]).upper()
    refusal = error("JWT token is invalid.", 390144, "08001")
    registered = emulator.state.of("users").get(user, {}).get(_KEY)
    if registered is None:
        raise refusal
    der = b64decode(registered)
    try:
        claims = jwt.decode(asked["TOKEN"], load_der_public_key(der), algorithms=["RS256"])  # type: ignore[arg-type]
    except jwt.InvalidTokenError as invalid:
        raise refusal from invalid
    fingerprint = b64encode(sha256(der).digest()).decode()
    if claims["sub"] != f"{account}.{user}" or claims["iss"] != f"{account}.{user}.SHA256:{fingerprint}":
        raise refusal
    return user


def _by_oauth(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    good = emulator.logins.oauth.get(str(asked["TOKEN"]))
    if good is None:
        raise error("Invalid OAuth access token.", 390303, "08001")
    if not good:
        raise error("OAuth access token expired.", 390318, "08001")
    return "SOMEBODY"


def _by_access_token(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    for user, kept in emulator.state.of("users").items():
        if asked["TOKEN"] in kept[_TOKENS]:
            return user
    raise error("Programmatic access token is invalid.", 394400, "08001")


def _by_workload_identity(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    """The user with the issuer and subject of the token, if its provider signed it for one of the user's audiences."""
    refusal = error("The workload identity token is invalid.", 390144, "08001")  # the number is not documented
    if asked.get("PROVIDER") != "OIDC":
        raise refusal
    try:
        claimed = jwt.decode(asked["TOKEN"], options={"verify_signature": False})
        for user, kept in emulator.state.of("users").items():
            identity = kept.get(_IDENTITY)
            if identity and (identity["iss"], identity["sub"]) == (claimed["iss"], claimed["sub"]):
                jwt.decode(
                    asked["TOKEN"],
                    emulator.logins.issuers.get(identity["iss"], ""),
                    algorithms=["RS256"],
                    audience=identity["aud"],
                    options={"require": ["exp", "aud"]},
                )
                return user
    except (jwt.PyJWTError, KeyError, ValueError) as invalid:
        raise refusal from invalid
    raise refusal


def _by_browser(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    confirmed = emulator.logins.confirmed.pop(str(asked["PROOF_KEY"]), {})
    if "token" not in confirmed or confirmed["token"] != asked["TOKEN"]:
        raise error("The SAML response is invalid or matching user is not found.", 390190, "08001")
    return confirmed["user"]


def _by_identity_token(emulator: Emulator, asked: Mapping[str, Any]) -> str:
    if asked["TOKEN"] not in emulator.logins.remembered:
        raise error("ID Token is invalid.", 390195, "08001")
    return str(asked["LOGIN_NAME"]).upper()


_AUTHENTICATORS: Mapping[str, Callable[[Emulator, Mapping[str, Any]], str]] = {
    "SNOWFLAKE": _by_password,
    "SNOWFLAKE_JWT": _by_key_pair,
    "OAUTH": _by_oauth,
    "PROGRAMMATIC_ACCESS_TOKEN": _by_access_token,
    "EXTERNALBROWSER": _by_browser,
    "ID_TOKEN": _by_identity_token,
    "WORKLOAD_IDENTITY": _by_workload_identity,
}


RULES = [
    Rule(["CREATE USER"], create, need=on_account("CREATE USER")),
    Rule(["ALTER USER"], alter, need=on_account("CREATE USER")),
]
