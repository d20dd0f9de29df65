"""The strong view as a whole: ranges, rows, batches, order of its parts, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import policies
from ieg.augment.strong import Draws, StrongAugmentation, augment, check, draw, to_bytes
from ieg.augment.weak import scale
from ieg.errors import InputError

PLAIN = StrongAugmentation("none", per_batch=False, pad=0, flip=False, cutout=0)
SEED = tf.constant([3, 14])


def weak_images(count: int, *shape: int) -> tf.Tensor:
    values = np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)
    return scale(tf.constant(values))


def draws_of_nothing(count: int = 1) -> Draws:
    """Draws that apply no operation, do not mirror, and place everything in the middle."""
    middle = tf.fill([count, 2], 0.5)
    return Draws(
        sub_policy=tf.zeros([count]),
        applied=tf.fill([count, 2], 0.9999999),
        sign=middle,
        place=tf.fill([count, 2, 2], 0.5),
        offset=middle,
        flip=tf.fill([count], 0.5),
        cutout=middle,
    )


SHAPES = [(32, 32, 3), (8, 8, 1), (8, 8, 3), (33, 21, 3), (17, 40, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("policy", ["none", *policies.NAMES])
def test_values_stay_in_range(policy: str, shape: tuple[int, int, int]) -> None:
    how = StrongAugmentation(policy, per_batch=False, pad=1, flip=True, cutout=3)
    if shape[2] == 1 and policy not in ("none", "randaug"):
        with pytest.raises(InputError):
            check(how, shape)
        return
    check(how, shape)
    images = weak_images(64, *shape)
    views = augment(images, draw(SEED, 64, how), how)
    assert views.dtype == tf.float32 and views.shape == (64, *shape)
    assert np.isfinite(views).all()
    assert tf.reduce_min(views) >= -1 and tf.reduce_max(views) <= 1
    assert (views.numpy() != images.numpy()).any(axis=(1, 2, 3)).all()  # every image is cut


@pytest.mark.parametrize("policy", policies.NAMES)
def test_a_row_depends_on_its_own_row_alone(policy: str) -> None:
    how = StrongAugmentation(policy, per_batch=False, pad=4, flip=True, cutout=8)
    images = weak_images(24, 16, 16, 3)
    draws = draw(SEED, 24, how)
    together = augment(images, draws, how)
    for first, size in [(0, 12), (12, 12), (5, 1), (23, 1)]:
        mine = slice(first, first + size)
        part = augment(images[mine], Draws(*(numbers[mine] for numbers in draws)), how)
        np.testing.assert_array_equal(part, together[mine])


@pytest.mark.parametrize("policy", ["cifar10", "randaug"])
def test_the_seed_decides(policy: str) -> None:
    how = StrongAugmentation(policy, per_batch=False, pad=4, flip=True, cutout=8)
    images = weak_images(16, 16, 16, 3)
    views = [augment(images, draw(seed, 16, how), how).numpy() for seed in (SEED, SEED, SEED + 1)]
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any(axis=(1, 2, 3)).all()


def test_a_batch_shares_its_sub_policy_and_nothing_else() -> None:
    how = StrongAugmentation("randaug", per_batch=True, pad=4, flip=True, cutout=8)
    shared, own = draw(SEED, 50, how), draw(SEED, 50, how._replace(per_batch=False))
    for name, together, apart in zip(Draws._fields, shared, own, strict=True):
        assert together.shape == apart.shape and together.shape[0] == 50
        if name == "sub_policy":
            assert len(np.unique(together)) == 1 and len(np.unique(apart)) > 40
        else:
            np.testing.assert_array_equal(together, apart)


def test_steps_of_a_batch_draw_different_sub_policies() -> None:
    how = StrongAugmentation("cifar10", per_batch=True, pad=4, flip=True, cutout=8)
    drawn = [float(draw(tf.constant([0, step]), 4, how).sub_policy[0]) for step in range(60)]
    rows = np.floor(95 * np.array(drawn))
    assert len(np.unique(rows)) > 33  # 45 of 95 are expected, with a standard deviation of 2.5


def test_numbers_are_uniform_and_apart() -> None:
    draws = draw(SEED, 4000, PLAIN)
    columns = np.concatenate([np.reshape(x, [4000, -1]) for x in draws], axis=1)
    assert columns.shape[1] == 14
    assert columns.min() >= 0 and columns.max() < 1
    np.testing.assert_allclose(columns.mean(axis=0), 0.5, atol=5 * np.sqrt(1 / 12 / 4000))
    correlation = np.corrcoef(columns.T) - np.eye(14)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)


def test_without_a_policy_an_image_in_the_middle_is_untouched() -> None:
    images = weak_images(2, 5, 7, 3)
    np.testing.assert_array_equal(augment(images, draws_of_nothing(2), PLAIN), images)
    padded = augment(images, draws_of_nothing(2), PLAIN._replace(pad=2))  # offset 2 of 0 .. 3
    np.testing.assert_array_equal(padded, images)


@pytest.mark.parametrize("policy", policies.NAMES)
def test_a_policy_that_applies_nothing_keeps_the_bytes(policy: str) -> None:
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    images = scale(tf.constant(every_byte))
    back = augment(images, draws_of_nothing(), PLAIN._replace(policy=policy)).numpy()
    lower = every_byte - np.round((back + 1) * 255 / 2)
    assert set(np.unique(lower)) == {0, 1}  # to_bytes truncates
    np.testing.assert_allclose(back, scale(tf.constant(to_bytes(images))), atol=1e-6)


@pytest.mark.parametrize("draw_, left", [(0.0, 0), (0.24, 0), (0.26, 1), (0.9999999, 3)])
def test_the_last_crop_offset_is_never_drawn(draw_: float, left: int) -> None:
    images = weak_images(1, 6, 6, 1)
    draws = draws_of_nothing()._replace(offset=tf.constant([[0.5, draw_]]))
    view = augment(images, draws, PLAIN._replace(pad=2)).numpy()
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])  # with 0: gray
    np.testing.assert_array_equal(view, padded[:, 2:8, left : left + 6])


@pytest.mark.parametrize(("draw_", "mirrored"), [(0.0, True), (0.49, True), (0.5, False)])
def test_half_of_the_draws_mirror(draw_: float, mirrored: bool) -> None:
    images = weak_images(1, 4, 6, 3)
    draws = draws_of_nothing()._replace(flip=tf.constant([draw_]))
    expected = images[:, :, ::-1] if mirrored else images
    np.testing.assert_array_equal(augment(images, draws, PLAIN._replace(flip=True)), expected)
    np.testing.assert_array_equal(augment(images, draws, PLAIN), images)  # a digit is never flipped


def test_cutout_comes_last() -> None:
    images = weak_images(1, 6, 6, 3)
    how = StrongAugmentation("none", per_batch=False, pad=2, flip=True, cutout=2)
    draws = draws_of_nothing()._replace(
        offset=tf.zeros([1, 2]), flip=tf.zeros([1]), cutout=tf.constant([[0.0, 0.5]])
    )
    expected = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])[:, :6, :6][:, :, ::-1].copy()
    expected[:, 0, 2:4] = 0
    np.testing.assert_array_equal(augment(images, draws, how), expected)


def sub_policy(policy: str, *pair: tuple[str, int]) -> tf.Tensor:
    """[1] number that picks these two (operation, level)."""
    table = policies.get(policy, 3)
    operation = [table.operations.index(name) for name, _ in pair]
    matches = (table.operation == operation) & (table.level == [level for _, level in pair])
    row = np.flatnonzero(matches.all(axis=1))[0]
    return tf.constant([(row + 0.5) / len(table.operation)], tf.float32)


def both_applied(policy: str, *pair: tuple[str, int]) -> Draws:
    return draws_of_nothing()._replace(
        sub_policy=sub_policy(policy, *pair), applied=tf.zeros([1, 2])
    )


def test_a_crop_before_the_policy_has_black_edges_that_it_changes() -> None:
    images = tf.fill([1, 6, 6, 3], 0.5)
    draws = draws_of_nothing()._replace(
        sub_policy=sub_policy("cifar10_25", ("Invert", 7), ("Contrast", 6)),
        applied=tf.constant([[0.0, 0.9999999]]),
        offset=tf.zeros([1, 2]),
        flip=tf.zeros([1]),
    )
    how = PLAIN._replace(pad=2, flip=True, crop_first=True)
    view = augment(images, draws, how).numpy()
    expected = np.full([1, 6, 6, 3], 0.5)
    expected[:, :2] = expected[:, :, 4:] = -1  # shifted right and down, then mirrored
    np.testing.assert_array_equal(view, expected)
    inverted = augment(images, draws, how._replace(policy="cifar10_25")).numpy()
    np.testing.assert_allclose(inverted, -expected, atol=0.01)


WHITE = tf.ones([1, 32, 32, 3])


def test_pixels_from_outside_are_gray() -> None:
    draws = both_applied("randaug", ("TranslateX", 9), ("Identity", 1))
    view = augment(WHITE, draws, PLAIN._replace(policy="randaug")).numpy()
    assert (view[:, :, :-9] == 1).all()
    assert (view[:, :, -9:] == 0).all()


def test_pixels_from_outside_are_black_for_what_knows_no_transparency() -> None:
    draws = both_applied("randaug", ("TranslateX", 9), ("AutoContrast", 1))
    view = augment(WHITE, draws, PLAIN._replace(policy="randaug")).numpy()
    assert (view[:, :, :-9] == 1).all()
    assert (view[:, :, -9:] == -1).all()


def test_pixels_from_outside_are_filled_with_128_on_imagenet() -> None:
    draws = both_applied("imagenet", ("Rotate", 7), ("TranslateY", 9))
    view = augment(WHITE, draws, PLAIN._replace(policy="imagenet")).numpy()
    np.testing.assert_allclose(view, 128 * 2 / 255 - 1, atol=1e-6)  # 9 moves all of it out


@pytest.mark.parametrize(
    ("side", "level", "moved"), [(32, 9, 9), (32, 1, 1), (8, 8, 2), (8, 1, 0), (64, 3, 6)]
)
def test_translations_scale_with_the_image(side: int, level: int, moved: int) -> None:
    draws = both_applied("randaug", ("TranslateY", level), ("Identity", 1))
    view = augment(tf.ones([1, side, side, 3]), draws, PLAIN._replace(policy="randaug")).numpy()
    assert (view[0, :, 0, 0] == 0).sum() == moved
    assert (view[0, : side - moved] == 1).all()


def test_the_sign_turns_a_movement_round() -> None:
    draws = both_applied("randaug", ("TranslateY", 4), ("Identity", 1))
    for sign, rows in ((0.49, slice(0, 4)), (0.5, slice(28, 32))):
        signed = draws._replace(sign=tf.fill([1, 2], sign))
        view = augment(WHITE, signed, PLAIN._replace(policy="randaug")).numpy()
        expected = np.ones_like(view)
        expected[:, rows] = 0
        np.testing.assert_array_equal(view, expected)


def test_each_operation_has_its_own_place() -> None:
    draws = both_applied("cifar10", ("TranslateY", 6), ("Cutout", 3))
    draws = draws._replace(
        applied=tf.constant([[0.9999999, 0.0]]), place=tf.constant([[[0.0, 0.0], [0.5, 0.25]]])
    )
    view = augment(WHITE, draws, PLAIN._replace(policy="cifar10")).numpy()
    expected = np.ones_like(view)
    expected[:, 13:19, 5:11] = 0  # a side of 6 about row 16, column 8
    np.testing.assert_array_equal(view, expected)


def test_operations_follow_one_another_in_order() -> None:
    gray = scale(tf.fill([1, 8, 8, 3], tf.constant(100, tf.uint8)))
    how = PLAIN._replace(policy="randaug")
    # Solarize at level 5 inverts from 128 on; brightness at level 9 is 1.72 times.
    first = augment(gray, both_applied("randaug", ("Solarize", 5), ("Brightness", 9)), how)
    second = augment(gray, both_applied("randaug", ("Brightness", 9), ("Solarize", 5)), how)
    byte = int(to_bytes(gray)[0, 0, 0, 0])
    np.testing.assert_array_equal(to_bytes(first + 1e-3), int(1.72 * byte))
    np.testing.assert_array_equal(to_bytes(second + 1e-3), 255 - int(1.72 * byte))


def test_graphs_give_what_eager_execution_gives() -> None:
    how = StrongAugmentation("cifar10", per_batch=False, pad=4, flip=True, cutout=8)
    images = weak_images(20, 16, 16, 3)

    def view(step: tf.Tensor) -> tf.Tensor:
        return augment(images, draw(tf.stack([7, tf.cast(step, tf.int32)]), 20, how), how)

    dataset = tf.data.Dataset.range(2).map(view, num_parallel_calls=2, deterministic=True)
    assert dataset.element_spec.shape == (20, 16, 16, 3)
    for step, mapped in enumerate(dataset):
        np.testing.assert_array_equal(mapped, view(tf.constant(step, tf.int64)))


def test_no_python_runs_while_images_are_made() -> None:
    how = StrongAugmentation("cifar10", per_batch=False, pad=4, flip=True, cutout=8)
    view = tf.function(lambda seed: augment(tf.zeros([4, 16, 16, 3]), draw(seed, 4, how), how))
    graph = view.get_concrete_function(SEED).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert "ImageProjectiveTransformV3" in kinds
    assert not {kind for kind in kinds if "PyFunc" in kind or "While" in kind or "Map" in kind}


@pytest.mark.parametrize(
    ("how", "shape", "words"),
    [
        ({"policy": "autoaug"}, (32, 32, 3), ("'autoaug'", "cifar10", "randaug", "none")),
        ({"policy": "cifar10"}, (8, 8, 1), ("have 1", "`aug_type=randaug`")),
        ({"policy": "cifar10_25"}, (8, 8, 4), ("have 4", "`aug_type=randaug`")),
        ({"policy": "randaug"}, (8, 8, 2), ("have 2", "`aug_type=default`")),
        ({"policy": "randaug"}, (1, 9, 3), ("1x9", "`aug_type=default`")),
        ({"pad": 8}, (8, 9, 3), ("8x9", "0 to 7")),
        ({"pad": -1}, (8, 9, 3), ("by -1", "0 to 7")),
        ({"cutout": 9}, (20, 8, 3), ("9 pixels", "20x8", "0 to 8")),
        ({"cutout": -2}, (8, 8, 3), ("-2 pixels", "0 to 8")),
    ],
)
def test_what_cannot_be_done_is_refused(
    how: dict[str, object], shape: tuple[int, int, int], words: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as refused:
        check(PLAIN._replace(**how), shape)
    message = str(refused.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("policy", ["none", "randaug"])
@pytest.mark.parametrize("shape", [(8, 9, 1), (2, 2, 3)])
def test_what_can_just_be_done_is_not_refused(policy: str, shape: tuple[int, int, int]) -> None:
    side = min(shape[:2])
    how = StrongAugmentation(policy, per_batch=False, pad=side - 1, flip=False, cutout=side)
    check(how, shape)
    views = augment(weak_images(64, *shape), draw(SEED, 64, how), how)
    assert views.shape == (64, *shape) and np.isfinite(views).all()
