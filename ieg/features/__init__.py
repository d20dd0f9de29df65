"""Features that a frozen backbone gives of views of images, computed once and kept in a folder.

from ieg import backbones
from ieg.features import FeatureStore, Pictures, Views

backbone = backbones.load("efficientnet_lite0")
views = Views(weak=4, strong=2)
store = FeatureStore.open("features", backbone, views)
pictures = Pictures(dataset.train.images)  # image files, or [N, H, W, 3] uint8
store.compute(pictures)
images = store.images(pictures)  # examples [N, 1280] for any method
images.table[:, 0]  # what evaluation sees of them
"""

from ieg.features.cached import CachedImages
from ieg.features.parts import parse_part
from ieg.features.pictures import Pictures
from ieg.features.store import FeatureStore
from ieg.features.views import Views

__all__ = ["CachedImages", "FeatureStore", "Pictures", "Views", "parse_part"]
