"""What every model registry must do."""

import re
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from intent_platform.errors import ChampionMoved, InvalidVersionName, StillNeeded, UnknownVersion
from intent_platform.pipeline.retention import prune
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ports import challenger_of
from intent_platform.platforms.versions import ModelVersion
from intent_platform_tests.platforms.conftest import FEATURES, provenance


def unknown_like(version: ModelVersion) -> ModelVersion:
    """A version that no registry holds."""
    return version.model_copy(update={"name": "v_000101_000000"})


def test_an_empty_registry_has_no_versions_and_no_champion(platform):
    assert platform.registry.versions() == []
    assert platform.registry.champion() is None
    assert challenger_of(platform.registry.versions(), date(2024, 5, 1)) is None


def test_a_version_comes_back_as_it_was_logged(platform, log, model):
    logged = log()
    assert re.fullmatch(r"v_\d{6}_\d{6}", logged.name)
    assert platform.registry.version(logged.name) == logged
    assert platform.registry.versions() == [logged]
    rows = pa.table({name: np.linspace(0, 1, 50) for name in FEATURES})
    assert np.array_equal(platform.registry.load(logged).predict(rows), model.predict(rows))


def test_a_version_explains_its_scores_wherever_it_was_stored(platform, log, model):
    rows = pa.table({name: np.linspace(0, 1, 20) for name in FEATURES})
    explained = platform.registry.load(log()).explain(rows)
    assert explained.equals(model.explain(rows))
    assert set(FEATURES) <= set(explained.column_names)


def test_names_are_unique_and_in_order_of_generation(platform, log):
    names = [log().name for _ in range(3)]
    assert names == sorted(set(names))
    assert [version.name for version in platform.registry.versions()] == names


def test_the_challenger_of_a_month_is_the_last_one_trained_for_it(platform, log):
    log("2024-05-01"), log("2024-06-01")
    again = log("2024-05-01")
    versions = platform.registry.versions()
    assert challenger_of(versions, again.provenance.month) == again
    assert challenger_of(versions, again.provenance.month.replace(month=7)) is None


def test_the_pointer_moves_only_from_where_it_is_expected(platform, log):
    one, two = log(), log()
    with pytest.raises(ChampionMoved, match="is nobody"):
        platform.registry.move_champion(two, expected=one)
    assert platform.registry.champion() is None
    platform.registry.move_champion(one, expected=None)
    assert platform.registry.champion() == one
    with pytest.raises(ChampionMoved, match=one.name):
        platform.registry.move_champion(two, expected=None)
    assert platform.registry.champion() == one
    platform.registry.move_champion(two, expected=one)
    assert platform.registry.champion() == two


def test_an_unknown_or_malformed_version_is_refused_by_name(platform, log):
    known = log()
    with pytest.raises(UnknownVersion, match=f"v_000101_000000.*{known.name}"):
        platform.registry.version("v_000101_000000")
    with pytest.raises(UnknownVersion, match=f"v_000101_000000.*{known.name}"):
        platform.registry.load(unknown_like(known))
    with pytest.raises(InvalidVersionName, match="champion"):
        platform.registry.version("champion")


def test_the_pointer_never_moves_to_an_unknown_version(platform, log):
    platform.registry.move_champion(log(), expected=None)
    champion = platform.registry.champion()
    with pytest.raises(UnknownVersion):
        platform.registry.move_champion(unknown_like(champion), expected=champion)
    assert platform.registry.champion() == champion


def test_quarantine_is_set_with_its_reason_and_lifted(platform, log):
    version = log()
    platform.registry.set_quarantine(version, "scores too high")
    assert platform.registry.version(version.name).quarantine == "scores too high"
    platform.registry.set_quarantine(version, None)
    assert platform.registry.version(version.name).quarantine is None
    platform.registry.set_quarantine(version, None)  # lifting what is not there is no mistake


def test_versions_logged_at_the_same_moment_by_several_get_names_of_their_own(platform, model):
    """Clients as separate processes have them: each its own, all on one registry."""
    registries = [copy(platform.registry) for _ in range(3)]
    assert registries[0].versions() == []  # the store is there before they race

    def log(registry):
        return registry.log(model, provenance("2024-05-01"), []).name

    with ThreadPoolExecutor(len(registries)) as pool:
        names = list(pool.map(log, registries))
    assert sorted(version.name for version in platform.registry.versions()) == sorted(set(names))
    assert len(set(names)) == len(registries)


def test_a_deleted_version_is_gone_and_the_champion_cannot_be(platform, log):
    first, champion, old = log(), log(), log()
    platform.registry.move_champion(champion, expected=None)
    with pytest.raises(StillNeeded, match=champion.name):
        platform.registry.delete(champion)
    platform.registry.delete(old)
    assert platform.registry.versions() == [first, champion]
    with pytest.raises(UnknownVersion):
        platform.registry.load(old)
    with pytest.raises(UnknownVersion):
        platform.registry.delete(old)


def test_pruning_keeps_the_newest_and_everyone_the_ledger_names(platform, log):
    versions = [log() for _ in range(5)]
    for number, (before, after) in enumerate([(None, versions[1]), (versions[1], versions[2])]):
        move_champion(platform, after, replacing=before, cause="force", reason=str(number), metrics={}, run_id="a-run")
    assert prune(platform, keep=1) == [versions[0].name, versions[3].name]
    assert platform.registry.versions() == [versions[1], versions[2], versions[4]]
    assert prune(platform, keep=1) == []
