import pytest

from ieg.backbones import Backbone
from ieg.features import store
from tests.features.tiny import tiny_backbone


@pytest.fixture
def backbone() -> Backbone:
    return tiny_backbone()


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 8 images and batches of 4 views."""
    monkeypatch.setattr(store, "SHARD_IMAGES", 8)
    monkeypatch.setattr(store, "BATCH", 4)
