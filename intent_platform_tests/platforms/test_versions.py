"""Records of versions across releases: what another release wrote is read as far as possible, and named otherwise."""

import json
from datetime import date
from typing import NamedTuple

import pytest

from intent_platform.errors import VersionUnfit
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ports import Platform, challenger_of
from intent_platform.platforms.versions import FORMAT, ModelVersion, Provenance, read_provenance
from intent_platform_tests.platforms.conftest import log_version, provenance

MAY = provenance("2024-05-01")


def stored(**changes: object) -> str:
    """The record of May with other fields. None removes a field."""
    fields = {**MAY.model_dump(mode="json"), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None})


class TestRecord:
    def test_is_read_as_it_was_written(self):
        assert read_provenance(MAY.model_dump_json()) == MAY

    def test_of_a_later_release_is_read_without_its_new_fields(self):
        assert read_provenance(stored(trained_on="another machine")) == MAY

    def test_of_an_earlier_release_is_read(self):
        assert read_provenance(stored(format=None, profiles=None, purchases=None, positives=120)) == MAY

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (stored(format=FORMAT + 1), "format: .*less than or equal to 1"),
            (stored(sessions=None), "sessions: Field required"),
            (stored(month="some day"), "month: .*valid date"),
            ('{"month": "2024', "the record: Invalid JSON"),
            ("", "the record: Invalid JSON"),
        ],
        ids=["later format", "missing field", "wrong type", "truncated", "empty"],
    )
    def test_that_cannot_be_read_is_named(self, text, reason):
        version = ModelVersion(name="v_240501_100000", provenance=read_provenance(text))
        assert not version.is_readable
        with pytest.raises(VersionUnfit, match=f"v_240501_100000 \\({reason}.*choose another version"):
            version.provenance  # noqa: B018  reading it raises

    def test_that_cannot_be_read_is_not_a_challenger(self):
        unreadable = ModelVersion(name="v_240502_100000", provenance="a reason")
        readable = ModelVersion(name="v_240501_100000", provenance=MAY)
        assert challenger_of([readable, unreadable], date(2024, 5, 1)) == readable


class Released(NamedTuple):
    """A platform after two promotions. A later release trained the champion and wrote its record."""

    platform: Platform
    earlier: ModelVersion
    champion: ModelVersion


class TestChampionOfALaterRelease:
    @pytest.fixture(scope="class")
    @classmethod
    def released(cls, new_platform, model) -> Released:
        class Later(Provenance):
            place: str

        platform = new_platform()
        earlier = log_version(platform, model)
        record = Later(**MAY.model_dump(), place="a later field").model_copy(update={"format": FORMAT + 1})
        champion = platform.registry.log(model, record, [])
        for before, after in [(None, earlier), (earlier, champion)]:
            move_champion(platform, after, replacing=before, cause="force", reason="a test", metrics={}, run_id="a-run")
        return Released(platform, earlier, champion)

    def test_is_listed(self, released):
        assert [version.name for version in released.platform.registry.versions()] == [
            released.earlier.name,
            released.champion.name,
        ]

    def test_can_be_rolled_back_from(self, released):
        champion = released.platform.registry.champion()
        assert champion is not None
        assert (champion.name, champion.is_readable) == (released.champion.name, False)
        result = roll_back_to(released.platform, None, "a later release", run_id="a-run")
        assert result.champion.name == released.earlier.name
        assert released.platform.registry.version(champion.name).quarantine == "rolled back from: a later release"

    def test_is_refused_by_its_name_when_it_is_loaded(self, released):
        found = released.platform.registry.version(released.champion.name)
        with pytest.raises(VersionUnfit, match=f"{found.name}.*format"):
            released.platform.registry.load(found)
