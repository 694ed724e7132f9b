"""The asset graph, in the order of the pipeline: one module per asset, its checks beside it.

Assets are thin: they resolve the window, call the layers below and say what happened. `build_assets` is the
only way in; nothing is created on import.
"""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.challenger_model import challenger_model
from intent_platform.assets.champion_alias import champion_alias
from intent_platform.assets.dataset import dataset
from intent_platform.assets.evaluation import evaluation
from intent_platform.assets.monitoring import monitoring
from intent_platform.assets.scores import scores
from intent_platform.assets.source import source
from intent_platform.settings import Settings

AssetOrCheck = dg.AssetsDefinition | dg.AssetSpec | dg.AssetChecksDefinition


def build_assets(settings: Settings) -> Sequence[AssetOrCheck]:
    """All assets and their checks for these settings."""
    return [
        *source(settings),
        *dataset(settings),
        *challenger_model(settings),
        *evaluation(settings),
        *champion_alias(settings),
        *scores(settings),
        *monitoring(settings),
    ]
