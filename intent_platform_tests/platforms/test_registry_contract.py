"""What every model registry must do."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from intent_platform.errors import ChampionMoved, InvalidVersionName, StillNeeded, UnknownVersion
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.pipeline.retention import Pruned, prune
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ports import ModelRegistry, Platform, challenger_of
from intent_platform.platforms.snowflake.registry import _best_that_fit
from intent_platform.platforms.versions import ModelVersion
from intent_platform_tests.platforms.conftest import FEATURES, log_version, provenance

ROWS = pa.table({name: np.linspace(0, 1, 50) for name in FEATURES})
MAY, JULY = date(2024, 5, 1), date(2024, 7, 1)
UNKNOWN = "v_000101_000000"


def unknown_like(version: ModelVersion) -> ModelVersion:
    """A version that no registry holds."""
    return version.model_copy(update={"name": UNKNOWN})


class TestEmptyRegistry:
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, new_platform: Callable[[], Platform]) -> ModelRegistry:
        return new_platform().registry

    def test_has_no_version(self, registry):
        assert registry.versions() == []

    def test_has_no_champion(self, registry):
        assert registry.champion() is None

    def test_has_no_challenger(self, registry):
        assert challenger_of(registry.versions(), MAY) is None


Shared = tuple[ModelRegistry, list[ModelVersion]]


@pytest.fixture(scope="module")
def shared(new_platform: Callable[[], Platform], model: IntentModel) -> Shared:
    """A registry without a champion, and its versions: of May, of June, and of May again. No test changes it."""
    platform = new_platform()
    return platform.registry, [log_version(platform, model, f"2024-{month}-01") for month in ("05", "06", "05")]


@pytest.fixture
def registry(shared: Shared) -> ModelRegistry:
    return shared[0]


@pytest.fixture
def versions(shared: Shared) -> list[ModelVersion]:
    return shared[1]


class TestLoggedVersion:
    def test_is_named_by_its_moment(self, versions):
        assert all(re.fullmatch(r"v_\d{6}_\d{6}", version.name) for version in versions)

    def test_has_a_later_name_than_the_versions_before(self, versions):
        names = [version.name for version in versions]
        assert names == sorted(set(names))

    def test_is_listed_as_it_was_logged(self, registry, versions):
        assert registry.versions() == versions

    def test_is_found_by_its_name(self, registry, versions):
        assert registry.version(versions[0].name) == versions[0]

    def test_scores_as_before(self, registry, versions, model):
        assert np.array_equal(registry.load(versions[0]).predict(ROWS), model.predict(ROWS))

    def test_explains_its_scores_as_before(self, registry, versions, model):
        explained = registry.load(versions[0]).explain(ROWS)
        assert explained.equals(model.explain(ROWS))
        assert set(FEATURES) <= set(explained.column_names)


class TestUnknownVersion:
    def test_is_refused_when_it_is_looked_up(self, registry, versions):
        """The error names versions that exist."""
        with pytest.raises(UnknownVersion, match=f"{UNKNOWN}.*{versions[-1].name}"):
            registry.version(UNKNOWN)

    def test_is_refused_when_it_is_loaded(self, registry, versions):
        with pytest.raises(UnknownVersion, match=f"{UNKNOWN}.*{versions[-1].name}"):
            registry.load(unknown_like(versions[0]))

    def test_is_refused_if_its_name_has_another_form(self, registry):
        with pytest.raises(InvalidVersionName, match="champion"):
            registry.version("champion")


class TestChallenger:
    def test_is_the_last_version_of_its_month(self, registry, versions):
        assert challenger_of(registry.versions(), MAY) == versions[-1]

    def test_is_missing_in_a_month_without_versions(self, registry):
        assert challenger_of(registry.versions(), JULY) is None


class TestPointer:
    @pytest.fixture(scope="class")
    @classmethod
    def crowned(cls, new_platform: Callable[[], Platform], model) -> tuple[ModelRegistry, ModelVersion, ModelVersion]:
        """A registry, its champion and another version. No test changes it."""
        platform = new_platform()
        champion, other = log_version(platform, model), log_version(platform, model)
        platform.registry.move_champion(champion, expected=None)
        return platform.registry, champion, other

    def test_stays_with_nobody_if_a_champion_is_expected(self, registry, versions):
        with pytest.raises(ChampionMoved, match="is nobody"):
            registry.move_champion(versions[1], expected=versions[0])
        assert registry.champion() is None

    def test_moves_from_the_expected_champion(self, platform, log):
        one, two = log(), log()
        platform.registry.move_champion(one, expected=None)
        assert platform.registry.champion() == one
        platform.registry.move_champion(two, expected=one)
        assert platform.registry.champion() == two

    def test_stays_with_a_champion_that_is_not_expected(self, crowned):
        registry, champion, other = crowned
        with pytest.raises(ChampionMoved, match=champion.name):
            registry.move_champion(other, expected=None)
        assert registry.champion() == champion

    def test_never_moves_to_an_unknown_version(self, crowned):
        registry, champion, _ = crowned
        with pytest.raises(UnknownVersion):
            registry.move_champion(unknown_like(champion), expected=champion)
        assert registry.champion() == champion


class TestQuarantine:
    @pytest.fixture(scope="class")
    @classmethod
    def lone(cls, new_platform: Callable[[], Platform], model) -> tuple[ModelRegistry, ModelVersion]:
        """A registry and its only version."""
        platform = new_platform()
        return platform.registry, log_version(platform, model)

    def test_has_its_reason(self, lone):
        registry, version = lone
        registry.set_quarantine(version, "scores too high")
        assert registry.version(version.name).quarantine == "scores too high"

    def test_can_be_lifted(self, lone):
        registry, version = lone
        registry.set_quarantine(version, "scores too high")
        registry.set_quarantine(version, None)
        assert registry.version(version.name).quarantine is None

    def test_can_be_lifted_twice(self, lone):
        registry, version = lone
        for _ in range(2):
            registry.set_quarantine(version, None)
        assert registry.version(version.name).quarantine is None


class TestConcurrentLogging:
    def test_gives_every_version_a_name_of_its_own(self, platform, model):
        """Each client is a copy, as separate processes have it. All share one registry."""
        registries = [copy(platform.registry) for _ in range(3)]
        assert registries[0].versions() == []  # this creates the store before they race

        def log(registry):
            return registry.log(model, provenance("2024-05-01"), []).name

        with ThreadPoolExecutor(len(registries)) as pool:
            names = list(pool.map(log, registries))
        assert sorted(version.name for version in platform.registry.versions()) == sorted(set(names))
        assert len(set(names)) == len(registries)


class TestTrials:
    MANY = tuple(Trial(n, {"depth": 6, "learning_rate": 0.1 + n}, n / 1_000, "complete", 0.1) for n in range(1_000))

    def test_may_need_more_than_the_record_has(self, new_snowflake_settings, model):
        registry = platform_for(new_snowflake_settings()).registry
        version = registry.log(model, provenance("2024-05-01"), self.MANY)
        assert registry.versions() == [version]

    def test_that_fit_into_the_record_are_the_best_ones(self):
        kept = [trial["number"] for trial in _best_that_fit(self.MANY, 10_000)]
        assert 50 < len(kept) < 150
        assert kept == [*range(1_000 - len(kept), 1_000)]


class TestDeletion:
    @pytest.fixture(scope="class")
    @classmethod
    def deleted(cls, new_platform: Callable[[], Platform], model) -> tuple[ModelRegistry, list[ModelVersion]]:
        """A registry and its versions: one, the champion, and one that was deleted."""
        platform = new_platform()
        versions = [log_version(platform, model) for _ in range(3)]
        platform.registry.move_champion(versions[1], expected=None)
        platform.registry.delete(versions[2])
        return platform.registry, versions

    def test_removes_the_version_and_no_other(self, deleted):
        registry, versions = deleted
        assert registry.versions() == versions[:2]

    def test_makes_the_version_unknown(self, deleted):
        registry, versions = deleted
        with pytest.raises(UnknownVersion):
            registry.load(versions[2])

    def test_cannot_be_repeated(self, deleted):
        registry, versions = deleted
        with pytest.raises(UnknownVersion):
            registry.delete(versions[2])

    def test_of_the_champion_is_refused(self, deleted):
        registry, versions = deleted
        with pytest.raises(StillNeeded, match=versions[1].name):
            registry.delete(versions[1])
        assert registry.versions() == versions[:2]


class TestPruning:
    @pytest.fixture(scope="class")
    @classmethod
    def pruned(cls, new_platform: Callable[[], Platform], model) -> tuple[Platform, list[ModelVersion], Pruned]:
        """A platform, its five versions before pruning, and the result."""
        platform = new_platform()
        versions = [log_version(platform, model) for _ in range(5)]
        for before, after in [(None, versions[1]), (versions[1], versions[2])]:
            move_champion(platform, after, replacing=before, cause="force", reason="a test", metrics={}, run_id="a-run")
        return platform, versions, prune(platform, keep=1)

    def test_deletes_old_versions_that_never_were_champion(self, pruned):
        _, versions, result = pruned
        assert result == Pruned([versions[0].name, versions[3].name], leftovers=0)

    def test_keeps_the_newest_and_every_version_in_the_ledger(self, pruned):
        platform, versions, _ = pruned
        assert platform.registry.versions() == [versions[1], versions[2], versions[4]]

    def test_changes_nothing_when_it_is_repeated(self, pruned):
        assert prune(pruned[0], keep=1) == Pruned([], leftovers=0)
