"""The shops that sensors look at, and an instance that remembers their runs."""

from datetime import timedelta

import dagster as dg
import pytest

from intent_platform_tests.builders.sensors import YESTERDAY


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def landing(make_settings):
    """Settings of a shop whose sessions are dropped into a folder."""
    settings = make_settings(
        feed="landing",
        first_day=YESTERDAY - timedelta(days=20),
        warehouse={"timeout_seconds": 5},
        landing={"done_files": False, "quiet_seconds": 0},
    )
    settings.landing_folder.mkdir(parents=True)
    return settings


@pytest.fixture
def simulated(make_settings):
    """Settings of a simulated shop, small and quickly trained."""

    def make(**simulated: object):
        return make_settings(
            feed="simulated",
            first_day="2025-06-01",
            simulated={"sessions_per_day": 60, **simulated},
            training={"trials": 1, "folds": 2, "iterations": 30, "months": 1},
            warehouse={"timeout_seconds": 5},
        )

    return make
