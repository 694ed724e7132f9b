"""The asset graph, in the order of the pipeline: one module for each asset.

Assets are thin. They resolve the window, call `pipeline` and show the result. `build_assets` is the only way in, and
importing this room creates nothing.
"""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.challenger_model import define_challenger_model
from intent_platform.assets.champion_alias import define_champion_alias
from intent_platform.assets.dataset import define_dataset
from intent_platform.assets.evaluation import define_evaluation
from intent_platform.assets.monitoring import define_monitoring
from intent_platform.assets.scores import define_scores
from intent_platform.assets.source import define_source
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings


def build_assets(settings: Settings, source: Feed | ObservedTable) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """All assets for these settings, each with the owner that the settings name."""
    assets = [
        define_source(settings, source),
        define_dataset(settings, source),
        define_challenger_model(settings),
        define_evaluation(settings),
        define_champion_alias(),
        define_scores(settings),
        define_monitoring(settings),
    ]
    return dg.map_asset_specs(lambda spec: spec.replace_attributes(owners=[settings.owner]), assets)
