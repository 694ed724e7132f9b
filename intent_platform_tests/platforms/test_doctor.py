"""The doctor on accounts that answer differently: one sentence for each difference, and nothing stays behind."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import snowflake.connector
from filelock import FileLock

from intent_platform.errors import SettingsError, WarehouseError
from intent_platform.platforms.snowflake.doctor.examination import PROBES, examine, scratch_schema
from intent_platform.platforms.snowflake.doctor.probe import Finding, Probe
from intent_platform.platforms.snowflake.doctor.record import read_answers
from intent_platform.settings import Settings
from intent_platform_tests.snowflake_emulator import Fault
from intent_platform_tests.snowflake_emulator.answers import Answers
from intent_platform_tests.snowflake_emulator.server import RunningEmulator

#: By difference: what the account answers, the probe that finds it, and its sentence.
DIFFERENCES: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "metadata of 10 KB": ({"limits.metadata": 10_000}, "limits.metadata", "keeps only 10,000 bytes"),
    "short query tags": ({"limits.query_tag": 500}, "limits.query_tag", "LONGEST in .*query_tag.py to 500"),
    "no catboost": ({"packages.missing": ["catboost==0"]}, "packages.missing", r"other versions of: catboost==1\S+$"),
    "no grant": ({"privileges.missing": ["CREATE TASK ON SCHEMA"]}, "privileges.missing", "grant .*: CREATE TASK ON"),
    "no stages": ({"privileges.refused": {"stage": 3001}}, "privileges.refused", "these kinds: stage 3001"),
    "no tasks": ({"privileges.refused": {"resumed task": 91089}}, "privileges.refused", "resumed task 91089"),
    "another number of a table": ({"errors.unknown_table": 2049}, "errors.unknown_table", r"\(002049\).*like 002003"),
    "another number of a procedure": ({"errors.unknown_procedure": 77}, "errors.unknown_procedure", r"\(000077\)"),
    "another number of a column": ({"errors.unknown_column": 2003}, "errors.unknown_column", r"\(002003\)"),
    "another number of a role": ({"errors.unknown_role": 88}, "errors.unknown_role", r"\(000088\)"),
    "another number of a denial": ({"errors.denied": 3999}, "errors.denied", r"\(003999\).*like 003001"),
    "another number of a package": ({"errors.missing_package": 5}, "errors.missing_package", r"\(000005\)"),
    "another number of a timeout": ({"errors.timeout": 604}, "errors.timeout", r"\(000604\).*like 000630"),
    "doubles for integers": ({"types.integers": ["double"]}, "types.joined_integers", "makes double of them"),
    "a default that is not": ({"models.first_is_default": False}, "models.first_is_default", "takes the default"),
    "a format of dates": (
        {"times.parameters": {"DATE_OUTPUT_FORMAT": "DD.MM.YYYY"}},
        "times.parameters",
        "reset .*: DATE_OUTPUT_FORMAT DD.MM.YYYY",
    ),
    "another time zone": (
        {"times.parameters": {"TIMEZONE": "Pacific/Kiritimati"}},
        "times.parameters",
        "TIMEZONE Pacific/Kiritimati",
    ),
    "no column of the default": (
        {"models.columns": ["name", "metadata", "comment", "model_spec", "runnable_in"]},
        "models.columns",
        "reads name, metadata, is_default_version",
    ),
}
#: By difference that the emulated account cannot have: the probe, its answer and its sentence.
JUDGED: Mapping[str, tuple[str, Any, str]] = {
    "no lock at all": ("locks.update", None, r"\(no error\)"),
    "no lock without rows": ("locks.update_without_rows", None, "nothing locks the empty ledger"),
    "another number of a lock": ("locks.update", 603, r"\(000603\)"),
    "a long vanished client": ("locks.vanished_client", 14_400, "timeout_seconds above 14,400"),
    "no warehouse": ("login.warehouse", False, "grant USAGE and OPERATE on it to role R"),
    "other dates": ("types.empty_dates", "date64[ms] and date32[day]", "cannot join them"),
    "other scores": ("models.scores", "different by 0.1", "scores are different by 0.1"),
    "no row count in a procedure": ("procedures.rows", {"changed": 0, "read": [1, 3, 4]}, "reads: changed 0"),
    "no version from a procedure": ("procedures.logging", False, "training.place to process"),
    "another Python": ("packages.imported", {"python": "3.9"}, "runs python 3.9"),
    "a lossy number": ("types.variant_doubles", '{"A": 0.1000001}', "rejected rows"),
    "a text that is not JSON": ("types.variant_doubles", "0.1", "rejected rows"),
    "a refused probe": ("types.timestamps", {"refused": 3001}, "role R may not do this"),
    "a refused probe of unknown reason": ("types.timestamps", {"refused": 123}, "query history"),
    "a failed client": ("models.logged", {"failed": "KeyError"}, "cannot read what the account sends"),
}


def probe_named(name: str) -> Probe:
    return next(probe for probe in PROBES if probe.name == name)


@pytest.fixture
def doctor_settings(emulator: RunningEmulator, make_settings: Callable[..., Settings]) -> Settings:
    """The settings of a deployment whose account `make setup` has prepared."""
    return make_settings(deployment="dev", snowflake=emulator.connection_parameters)


@contextmanager
def answering(emulator: RunningEmulator, answers: Mapping[str, Any]) -> Iterator[None]:
    """The account answers like this inside."""
    emulator.answers = Answers(answers)
    try:
        yield
    finally:
        emulator.answers = Answers()


def schemas(emulator: RunningEmulator) -> set[str]:
    with snowflake.connector.connect(**emulator.connection_parameters, database="MLSYSTEM_DEV") as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW SCHEMAS IN DATABASE MLSYSTEM_DEV")
        return {str(row[1]) for row in cursor.fetchall()}


class TestProbes:
    def test_have_names_of_their_own(self):
        assert len({probe.name for probe in PROBES}) == len(PROBES)

    def test_that_judge_say_what_to_do(self):
        assert [probe.name for probe in PROBES if (probe.accepts is None) != (not probe.advice)] == []


class TestDifference:
    @pytest.mark.parametrize(("answers", "name", "sentence"), DIFFERENCES.values(), ids=DIFFERENCES)
    def test_of_an_account_gives_one_sentence(self, emulator, doctor_settings, answers, name, sentence):
        with answering(emulator, answers):
            examination = examine(doctor_settings, probes=[probe_named(name)])
        [finding] = examination.differences
        assert re.search(sentence, finding.advice)
        assert not finding.advice.endswith(".")

    @pytest.mark.parametrize(("name", "answer", "sentence"), JUDGED.values(), ids=JUDGED)
    def test_follows_from_the_answer(self, name, answer, sentence):
        names = {each: each[0].upper() for each in ("account", "user", "role", "warehouse", "database", "schema")}
        finding = probe_named(name).finding(answer, names)
        assert finding.verdict == "differs"
        assert re.search(sentence, finding.advice)

    @pytest.mark.parametrize("name", sorted({name for _, name, _ in DIFFERENCES.values() if name.startswith("errors")}))
    def test_is_absent_with_a_number_that_is_explained_alike(self, name):
        alike = {"errors.unknown_procedure": 2139, "errors.missing_package": 391521, "errors.denied": 3540}
        alike |= {"errors.unknown_table": 90106, "errors.unknown_role": 2003, "errors.unknown_column": 100051}
        finding = probe_named(name).finding(alike.get(name, 630), {})
        assert finding.verdict == "ok"


class TestRefusal:
    def test_of_the_scratch_schema_names_the_privilege(self, emulator, doctor_settings):
        emulator.inject(Fault.DENIED, matching="CREATE SCHEMA")
        with pytest.raises(WarehouseError, match=r"cannot create .*error 003001.*make setup admin_role"):
            examine(doctor_settings)

    def test_of_the_login_says_what_to_do(self, emulator, make_settings):
        wrong = {**emulator.connection_parameters, "password": "wrong"}
        with pytest.raises(WarehouseError, match="refused somebody"):
            examine(make_settings(deployment="dev", snowflake=wrong))

    def test_of_the_role_says_what_to_do(self, emulator, make_settings):
        unknown = {**emulator.connection_parameters, "role": "EMPEROR"}
        with pytest.raises(WarehouseError, match="role EMPEROR is not granted"):
            examine(make_settings(deployment="dev", snowflake=unknown))

    def test_of_one_probe_leaves_the_others(self, emulator, doctor_settings):
        emulator.inject(Fault.WAREHOUSE_SUSPENDED, matching="CURRENT_VERSION")
        names = ("login.version", "login.region")
        examination = examine(doctor_settings, probes=[probe_named(name) for name in names])
        assert [finding.verdict for finding in examination.findings] == ["differs", "noted"]
        assert "create or resume COMPUTE_WH" in examination.findings[0].advice

    @pytest.mark.parametrize(
        ("name", "matching"),
        [("login.version", "CURRENT_VERSION"), ("errors.unknown_table", "SELECT * FROM DOCTOR_NOWHERE")],
    )
    def test_that_ends_the_connection_ends_the_doctor(self, emulator, doctor_settings, name, matching):
        emulator.inject(Fault.SESSION_LOST, matching=matching)
        with pytest.raises(WarehouseError, match="was lost: run it again"):
            examine(doctor_settings, probes=[probe_named(name)])
        assert scratch_schema(doctor_settings) not in schemas(emulator)

    def test_of_local_names_the_setting(self, make_settings):
        with pytest.raises(SettingsError, match="local has no account to ask: set INTENT_PLATFORM_DEPLOYMENT"):
            examine(make_settings(deployment="local"))


class TestScratchSchema:
    def test_is_dropped_after_ctrl_c(self, emulator, doctor_settings):
        seen = list[bool]()

        def interrupt(_: Finding) -> None:
            seen.append(scratch_schema(doctor_settings) in schemas(emulator))
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            examine(doctor_settings, probes=[probe_named("types.timestamps")], show=interrupt)
        assert seen == [True]
        assert scratch_schema(doctor_settings) not in schemas(emulator)

    def test_of_a_killed_doctor_is_dropped_by_the_next(self, emulator, doctor_settings):
        place = f"MLSYSTEM_DEV.{scratch_schema(doctor_settings)}"
        runner = {**emulator.connection_parameters, "role": "MLSYSTEM_DEV_RUNNER"}
        with snowflake.connector.connect(**runner, database="MLSYSTEM_DEV") as connection:
            connection.cursor().execute(f"CREATE SCHEMA {place}")
            connection.cursor().execute(f"CREATE TABLE {place}.DOCTOR_TRIED (A INTEGER)")
        examination = examine(doctor_settings, probes=[probe_named("privileges.refused")])
        assert examination.differences == []
        assert scratch_schema(doctor_settings) not in schemas(emulator)

    def test_belongs_to_one_doctor_at_a_time(self, doctor_settings):
        doctor_settings.home.mkdir()
        with (
            FileLock(doctor_settings.home / "doctor.lock"),
            pytest.raises(WarehouseError, match="another doctor holds"),
        ):
            examine(doctor_settings)

    def test_has_another_name_for_another_home(self, make_settings, tmp_path):
        assert scratch_schema(make_settings()) != scratch_schema(make_settings(home=tmp_path / "other"))


class TestSlowProbe:
    def test_is_not_asked_by_default(self, doctor_settings):
        [finding] = examine(doctor_settings, probes=[probe_named("locks.vanished_client")]).findings
        assert finding.verdict == "not asked"


class TestFile:
    @pytest.mark.parametrize("content", ["", "[]", '{"answers": {}}', json.dumps({"answers": {}, "format": 2})])
    def test_of_another_form_is_refused(self, tmp_path, content):
        (tmp_path / "answers.json").write_text(content)
        with pytest.raises(SettingsError, match="run `make doctor` to write it"):
            read_answers(tmp_path / "answers.json")
