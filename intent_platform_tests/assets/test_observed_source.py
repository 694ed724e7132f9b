"""The table that somebody else fills, as an asset: it is only read, and one sentence says why it cannot be."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError
from intent_platform.instance import run_job
from intent_platform.partitions import Window
from intent_platform.settings import Settings
from intent_platform_tests.builders.observed_table import (
    Filler,
    NewTable,
    in_a_file,
    in_snowflake,
    new_table,
)

__all__ = ["new_table"]
DAY = date(2024, 5, 3)
ONE = Window(DAY, DAY + timedelta(days=1))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def build(filler: Filler, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Build dataset for the day."""
    return run_job(build_definitions(filler.settings), instance, "sessions_job", window=ONE)


class TestFile:
    def test_is_only_read(self, make_settings, tmp_path, instance):
        filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
        filler.put(DAY, 20, REGION=[-1])
        file = filler.settings.table.file
        assert file is not None
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        file.chmod(0o444)
        assert build(filler, instance).success
        assert hashlib.sha256(file.read_bytes()).hexdigest() == before

    def test_may_be_read_through_a_view(self, make_settings, tmp_path, instance):
        filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
        filler.put(DAY, 5)
        filler.run("CREATE VIEW SHOP.LATEST AS SELECT * EXCLUDE (BATCH) FROM SHOP.SESSIONS")
        table = filler.settings.table.model_copy(update={"relation": "shop.latest"})
        viewing = Filler(filler.settings.model_copy(update={"table": table}), "SHOP.LATEST", filler.opened)
        assert build(viewing, instance).success
        assert filler.ours("SELECT COUNT(*) AS COUNTED FROM DATASET") == [(5,)]


class TestSnowflakeTable:
    class Sent(NamedTuple):
        """The statements of a run, and those of them that name the table."""

        all: list[str]
        naming_the_table: list[str]

    @pytest.fixture(scope="class")
    @classmethod
    def sent(cls, emulator, new_table: NewTable) -> Sent:
        with new_table("snowflake") as filler, dg.DagsterInstance.ephemeral() as instance:
            filler.put(DAY, 20, REGION=[-1])
            begun = len(emulator.statements)
            assert build(filler, instance).success
            sent = [statement.sql for statement in emulator.statements[begun:]]
        in_a_literal = f"'{filler.table}'"  # the table's name as a value
        naming = [" ".join(sql.split()) for sql in sent if filler.table in sql.replace(in_a_literal, "")]
        return cls.Sent(sent, naming)

    def test_is_only_read(self, sent):
        assert sent.naming_the_table
        reading = ("SELECT", "CREATE OR REPLACE TEMPORARY TABLE OBSERVED AS")
        assert all(sql.startswith(reading) for sql in sent.naming_the_table)

    def test_is_copied_once(self, sent):
        assert len([sql for sql in sent.naming_the_table if sql.startswith("CREATE")]) == 1

    def test_sends_no_row_to_the_client(self, sent):
        assert not any("GET " in sql or "PUT " in sql for sql in sent.all)


class TestUnreadableTable:
    @pytest.fixture(params=["file", "snowflake"])
    def table(self, request, make_settings, tmp_path) -> Iterator[Filler]:
        if request.param == "file":
            yield in_a_file(make_settings, tmp_path / "elt.duckdb")
        else:
            with in_snowflake(request.getfixturevalue("snowflake_settings")) as filler:
                yield filler

    @pytest.mark.parametrize(
        ("statement", "sentence"),
        [
            pytest.param("DROP TABLE {}", "SHOP.SESSIONS cannot be read", id="missing table"),
            pytest.param(
                "ALTER TABLE {} DROP COLUMN REGION", "lacks REGION: name a table or view", id="missing attribute"
            ),
            pytest.param("ALTER TABLE {} DROP COLUMN LOADED_AT", "lacks LOADED_AT", id="missing time of loading"),
        ],
    )
    def test_is_explained_in_one_sentence(self, table, instance, statement, sentence):
        table.run(statement)
        with pytest.raises(FeedError, match=sentence) as raised:
            build(table, instance)
        assert "\n" not in str(raised.value)
        assert table.ours("SELECT COUNT(*) AS COUNTED FROM DATASET") == [(0,)]

    def test_is_explained_by_the_types_of_its_columns(self, make_settings, tmp_path, instance):
        filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
        for name in ("REVENUE", "LOADED_AT"):
            filler.run(f"ALTER TABLE {{}} DROP COLUMN {name}")
            filler.run(f"ALTER TABLE {{}} ADD COLUMN {name} VARCHAR")
        sentence = "has REVENUE as VARCHAR, not BOOLEAN; LOADED_AT as VARCHAR, not TIMESTAMP_NTZ"
        with pytest.raises(FeedError, match=sentence):
            build(filler, instance)

    @pytest.mark.parametrize("content", [None, b"no database"], ids=["missing file", "not a database"])
    def test_is_explained_by_its_file(self, make_settings, tmp_path, instance, content):
        """A missing file is not created."""
        file = tmp_path / "elt.duckdb"
        if content is not None:
            file.write_bytes(content)
        settings = make_settings(feed="table", table={"file": file})
        with pytest.raises(FeedError, match=f"the observed table's file {file} cannot be read"):
            build(Filler(settings, "SOURCE", lambda: pytest.fail("nobody fills it")), instance)
        assert file.exists() == (content is not None)


class TestSourceAsset:
    SOURCE, DATASET = dg.AssetKey("source"), dg.AssetKey("dataset")

    @pytest.fixture(params=["local", "dev"])
    def definitions(self, request, make_settings: Callable[..., Settings]) -> dg.Definitions:
        account = {"account": "a", "user": "u", "password": "p"}
        return build_definitions(make_settings(feed="table", deployment=request.param, snowflake=account))

    def test_can_be_loaded(self, definitions):
        dg.Definitions.validate_loadable(definitions)

    def test_is_external_with_the_partitions_of_dataset(self, definitions):
        graph = definitions.resolve_asset_graph()
        assert graph.get(self.SOURCE).is_external
        assert graph.get(self.SOURCE).partitions_def == graph.get(self.DATASET).partitions_def

    def test_has_the_checks_of_a_table(self, definitions):
        checks = definitions.resolve_asset_graph().asset_check_keys
        assert {key.name for key in checks if key.asset_key == self.SOURCE} == {
            *("keys_are_unique", "nothing_is_empty", "values_are_allowed", "no_row_is_left_out")
        }

    def test_is_not_made_by_the_sessions_job(self, definitions):
        made = definitions.resolve_job_def("sessions_job").asset_layer.selected_asset_keys
        assert made == {self.DATASET}
