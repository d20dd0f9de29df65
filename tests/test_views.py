"""Settings of the views: padding, normalization, and the crop of the strong view."""

from typing import Any

import pytest

from ieg import config, construction
from ieg.augment.weak import WeakAugmentation


def views(**typed: Any) -> tuple[Any, Any]:
    """Weak and strong view of digits."""
    resolved = config.resolve({"dataset": "digits_uniform_0.4", "method": "ieg", **typed})
    data = construction.dataset(resolved, None, None)
    return construction.weak_view(resolved, data), construction.strong_view(resolved, data)


def test_the_data_set_decides_unless_something_is_typed() -> None:
    weak, strong = views()
    assert weak == WeakAugmentation(pad=1, flip=False)
    assert (strong.pad, strong.crop_first) == (1, False)
    weak, _ = views(weak_pad=4, pixel_mean="0.3", pixel_std="0.25")
    assert weak == WeakAugmentation(pad=4, flip=False, mean=(0.3,), deviation=(0.25,))
    assert views(weak_pad=0)[0].pad == 0


def test_dynamic_loss_is_normalized_without_a_crop_of_its_first_view() -> None:
    weak, strong = views(
        method="dynamic_loss", pixel_mean="0.3", pixel_std="0.25", strong_crop="before"
    )
    assert weak == WeakAugmentation(pad=0, flip=False, mean=(0.3,), deviation=(0.25,))
    assert (strong.pad, strong.crop_first) == (1, True)


@pytest.mark.parametrize(("crop", "pad"), [("after", 1), ("before", 1), ("none", 0)])
def test_the_crop_of_the_strong_view(crop: str, pad: int) -> None:
    assert views(strong_crop=crop)[1].pad == pad
