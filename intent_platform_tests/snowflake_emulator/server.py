"""The HTTP server. The account answers a request, or has fakesnow execute what remains of it."""

import asyncio
import contextlib
import gzip
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fakesnow.server as fakesnow_server
import uvicorn
from snowflake.connector.errors import ProgrammingError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from intent_platform_tests.snowflake_emulator import grants, logins, task_runs, usage
from intent_platform_tests.snowflake_emulator.answers import Answers
from intent_platform_tests.snowflake_emulator.database import Database
from intent_platform_tests.snowflake_emulator.descriptions import never_null, with_nullability
from intent_platform_tests.snowflake_emulator.emulator import Emulator, Transfer
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.faults import Fault, next_fault
from intent_platform_tests.snowflake_emulator.parameters import refuse_value
from intent_platform_tests.snowflake_emulator.privileges import Grant
from intent_platform_tests.snowflake_emulator.reader import Reader
from intent_platform_tests.snowflake_emulator.repairs import repaired
from intent_platform_tests.snowflake_emulator.rules import RULES
from intent_platform_tests.snowflake_emulator.transactions import Transactions
from intent_platform_tests.snowflake_emulator.wire import as_chunks, as_json

_QUERY, _LOGIN, _SESSION = "/queries/v1/query-request", "/session/v1/login-request", "/session"
_EXPIRED, _NO_SESSION, _RENEWAL_REFUSED = "390112", "390111", "390114"
_IN_PROGRESS = "333333"
_BINDER_ERROR, _UNKNOWN_COLUMN = 2043, 904


class RunningEmulator(Emulator):
    """An account whose server is running."""

    def tick(self, at: datetime) -> dict[str, list[Any]]:
        """Run the graphs that are scheduled for the minute of `at`. The rows of each successful answer, by task name.

        `task_runs` also has the failed runs.
        """
        runs = [run for root in task_runs.due(self, at) for run in task_runs.run_graph(self, root, at, at)]
        return {run.name: run.rows for run in runs if run.error is None}

    def attribute_credits(self, each: float) -> None:
        """Fill the history of credits: every statement so far cost `each`."""
        usage.attribute(self, fakesnow_server.shared_fs, each)


@contextlib.contextmanager
def serve(root: Path | None = None, port: int = 0, answers: Path | None = None) -> Iterator[RunningEmulator]:
    """Run an account with its state in `root`, on the loopback address. A process can run one at a time.

    `answers` is a file of `make doctor`. The account then answers as that account did.
    """
    with contextlib.ExitStack() as stack:
        folder = root or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="snowflake_")))
        (folder / "databases").mkdir(parents=True, exist_ok=True)
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", port))
        parameters = {
            "account": "emulated",
            "user": "somebody",
            "password": "no secret",
            "host": "127.0.0.1",
            "port": listener.getsockname()[1],
            "protocol": "http",
        }
        stack.enter_context(repaired())
        database = stack.enter_context(_database(folder / "databases"))
        emulator = RunningEmulator(folder, parameters, RULES, database.transactions)
        emulator.answers = Answers.read(answers) if answers else Answers()
        emulator.logins.passwords[str(parameters["user"]).upper()] = str(parameters["password"])
        administrator = Grant("USAGE", "ROLE", "ACCOUNTADMIN", "USER", str(parameters["user"]).upper())
        grants.store(emulator.state, administrator, by="ACCOUNTADMIN")
        config = uvicorn.Config(_application(emulator), log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield emulator
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[Database]:
    """Make fakesnow store its databases in `folder`."""
    before = fakesnow_server.shared_fs
    fakesnow_server.shared_fs = database = Database(folder)
    usage.create(database)
    try:
        yield database
    finally:
        fakesnow_server.shared_fs.duck_conn.close()
        fakesnow_server.shared_fs = before


def _application(emulator: Emulator) -> Starlette:
    begun: dict[str, asyncio.Future[Response]] = {}  # the answers to requests by their ids

    async def log_in(request: Request) -> Response:
        asked = await _json(request)
        role = request.query_params.get("roleName")
        try:
            user = logins.authenticate(emulator, asked["data"], role)
            given = {name: str(value) for name, value in asked["data"].get("SESSION_PARAMETERS", {}).items()}
            for name, value in given.items():
                refuse_value(name, value)
        except ProgrammingError as refusal:
            return _refusal_response(refusal)
        emulator.logins_made += 1
        answer = await fakesnow_server.login_request(_with_body(request, asked))
        token = json.loads(bytes(answer.body))["data"]["token"]
        connection = fakesnow_server.sessions[token]
        session = emulator.session_of(connection)
        session.parameters |= given | emulator.answers.get("times.parameters", {})
        session.user, session.role = user, (role or logins.default_role(emulator, user)).upper()
        warehouse = request.query_params.get("warehouse", "").upper()
        session.warehouse = warehouse if warehouse in emulator.state.of("warehouses") else None
        answered = json.loads(bytes(answer.body))
        answered["data"]["sessionInfo"] = {"databaseName": connection.database, "schemaName": connection.schema}
        answered["data"]["masterToken"] = token  # a client without one never ends its session
        answered["data"] |= logins.identity_token(emulator, asked["data"])
        return JSONResponse(answered)

    async def single_sign_on(request: Request) -> Response:
        asked = await _json(request)
        return JSONResponse({"data": logins.begin_single_sign_on(emulator, asked["data"]), "success": True})

    async def identity_provider(request: Request) -> Response:
        return RedirectResponse(logins.confirm_identity(emulator, request.query_params["proof"]))

    async def query(request: Request) -> Response:
        asked = await _json(request)
        try:
            sql = asked["sqlText"]
            return _as_the_account_numbers(emulator, sql, await answer_statement(request, asked))
        except Exception as mistake:  # noqa: BLE001  the client would repeat the request after an HTTP 500
            return _refusal_response(error(f"the emulator fails at this statement: {mistake!r}", 9998, "XX000"))

    async def answer_statement(request: Request, asked: dict[str, Any]) -> Response:
        try:
            token = fakesnow_server.to_token(request)
            connection = fakesnow_server.to_conn(token)
        except fakesnow_server.ServerError:
            return _refusal_response(
                error("Session no longer exists.  New login required to access the service.", 390111, "08001")
            )
        sent = asked["sqlText"]
        fault = next_fault(emulator.faults, sent)
        if fault is Fault.SLOW:
            return _in_progress(emulator, asked, polls=2)
        if fault is not None:
            return _fault_response(fault, emulator.transactions, connection, token)
        # The connector repeats a request that takes longer than a minute, and Snowflake runs the statement once.
        number = request.query_params.get("requestId", str(emulator.number()))
        if number not in begun:
            begun[number] = asyncio.ensure_future(run_statement(request, asked, connection))
        return await asyncio.shield(begun[number])

    async def run_statement(request: Request, asked: dict[str, Any], connection: Any) -> Response:
        sent, params = asked["sqlText"], _bindings(asked)
        emulator.record(connection, sent, asked.get("parameters"))
        try:
            answer = await run_in_threadpool(
                emulator.answer, connection, sent, params, describing=bool(asked.get("describeOnly"))
            )
        except ProgrammingError as refusal:
            return _refusal_response(refusal)
        if isinstance(answer, Transfer):
            return JSONResponse({"data": answer.data, "success": True})
        asked["sqlText"] = answer.text
        if params is not None and answer.params is None:
            asked.pop("bindings")
        answered: Response = await fakesnow_server.query_request(_with_body(request, asked))
        if answered.status_code == 500:  # the connector would repeat the request
            return _refusal_response(error(json.loads(bytes(answered.body))["message"], 603, "XX000"))
        queried = Reader(sent).word() in {"SELECT", "WITH"}
        if queried:
            answered = with_nullability(answered, never_null(connection, answer.text))
        wanted = emulator.session_of(connection).parameters.get("PYTHON_CONNECTOR_QUERY_RESULT_FORMAT")
        if not queried or wanted == "JSON":
            return as_json(answered)
        widths = emulator.answers.get("types.integers", ())
        return as_chunks(
            answered, emulator.chunk_rows, lambda content: f"{request.base_url}{emulator.keep(content)}", widths
        )

    async def result(request: Request) -> Response:
        asked, polls = emulator.slow.pop(request.path_params["number"])
        return await answer_statement(request, asked) if polls == 0 else _in_progress(emulator, asked, polls)

    async def chunk(request: Request) -> Response:
        return Response(emulator.kept.pop(request.url.path.lstrip("/")))

    async def end_session(request: Request) -> Response:
        if request.query_params.get("delete"):
            with contextlib.suppress(fakesnow_server.ServerError):
                connection = fakesnow_server.to_conn(fakesnow_server.to_token(request))
                await run_in_threadpool(emulator.end_session, connection)
        return await fakesnow_server.session(request)

    async def renew(_: Request) -> Response:
        refusal = {"code": _RENEWAL_REFUSED, "message": "Authentication token has expired.", "success": False}
        return JSONResponse({"data": None, **refusal})

    routes = [route for route in fakesnow_server.routes if route.path not in (_QUERY, _LOGIN, _SESSION)]
    routes += [Route(_QUERY, query, methods=["POST"]), Route(_LOGIN, log_in, methods=["POST"])]
    routes += [Route(_SESSION, end_session, methods=["POST"])]
    routes += [Route("/chunks/{number}", chunk), Route("/queries/{number}/result", result)]
    routes += [Route("/session/authenticator-request", single_sign_on, methods=["POST"])]
    routes += [Route(logins.IDENTITY_PROVIDER, identity_provider)]
    routes += [Route("/session/token-request", renew, methods=["POST"])]
    routes += [Route("/telemetry/send", lambda _: JSONResponse({"success": True}), methods=["POST"])]
    return Starlette(routes=routes)


def _in_progress(emulator: Emulator, asked: dict[str, Any], polls: int) -> Response:
    """Tell the client to ask for the result. After `polls` such answers it is there."""
    number = str(emulator.number())
    emulator.slow[number] = (asked, polls - 1)
    data = {"queryId": number, "getResultUrl": f"/queries/{number}/result"}
    return JSONResponse({"data": data, "code": _IN_PROGRESS, "message": "Query in progress", "success": True})


def _fault_response(fault: Fault, transactions: Transactions, connection: Any, token: str) -> Response:
    if fault.answer is not None:
        return _refusal_response(fault.answer)
    match fault:
        case Fault.UNAVAILABLE:
            return Response(status_code=503)
        case Fault.TOKEN_EXPIRED:
            return _refusal_response(error("Authentication token has expired.", int(_EXPIRED), "08001"))
        case _:
            if fault is not Fault.DETACHED:
                transactions.roll_back(connection)
            fakesnow_server.sessions.pop(token, None)
            return _refusal_response(error("Session no longer exists.", int(_NO_SESSION), "08001"))


def _refusal_response(refusal: ProgrammingError) -> Response:
    code = f"{refusal.errno:06d}"
    data = {"errorCode": code, "sqlState": refusal.sqlstate}
    return JSONResponse({"data": data, "code": code, "message": refusal.msg, "success": False})


def _as_the_account_numbers(emulator: Emulator, sql: str, answered: Response) -> Response:
    """The answer with the account's number of an error. fakesnow numbers an unknown column like an unknown role."""
    if b'"success":false' not in bytes(answered.body):
        return answered
    body = json.loads(bytes(answered.body))
    number = int(body["code"])
    if number == _BINDER_ERROR and "Binder Error" in body["message"]:
        number = _UNKNOWN_COLUMN
    body["code"] = f"{emulator.answers.renumbered(sql, number):06d}"
    body["data"] = {**(body["data"] or {}), "errorCode": body["code"]}
    return JSONResponse(body)


def _bindings(asked: dict[str, Any]) -> list[Any] | None:
    found = asked.get("bindings") or {}
    if not found or not all(name.isdigit() for name in found):
        return None
    values = [found[str(place)]["value"] for place in range(1, len(found) + 1)]
    return None if any(isinstance(value, list) for value in values) else values


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    found: dict[str, Any] = json.loads(body)
    return found


def _with_body(request: Request, asked: dict[str, Any]) -> Request:
    """The same request with another body."""
    payload = json.dumps(asked).encode()
    kept = [(k, v) for k, v in request.scope["headers"] if k not in (b"content-encoding", b"content-length")]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": payload, "more_body": False}

    return Request(dict(request.scope, headers=kept), receive)
