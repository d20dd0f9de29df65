"""Two replicas that share a global batch train like one; helpers that couple them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import config, experiment, networks, replicas
from ieg.methods import StepState
from ieg.networks.own_layers.dropout import CountedDropout
from ieg.training import devices

STEPS = 20

#: Options that count per replica, beside the batch.
PER_REPLICA = ("queue_bs", "probe_batch_size")


@networks.register("test_no_batch_norm", weight_decay=5e-4)
def no_batch_norm(input_shape, num_classes, *, dropout_rate):
    """Batch statistics differ between replicas by design, so this network has none."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            CountedDropout(0.2),
            keras.layers.Dense(num_classes),
        ]
    )


def build(strategy_name, batch_size, tmp_path, **typed):
    settings = config.resolve(
        {
            "dataset": "digits_uniform_0.4",
            "network_name": "test_no_batch_norm",
            "distribution_strategy": strategy_name,
            "batch_size": batch_size,
            "checkpoint_path": str(tmp_path),
            **typed,
        }
    )
    return experiment.build(settings)


def train(strategy_name, batch_size, tmp_path, steps=STEPS, **typed):
    built = build(strategy_name, batch_size, tmp_path, **typed)
    run = built.steps()
    schedule = built.schedule()
    scalars = []
    plan = prepared_plan(built)
    for s, block in enumerate(built.pipeline.batches(built.strategy, 0, steps, plan, block=1)):
        names, values = run(block, 0, s, [schedule(s)])
        scalars.append(dict(zip(names, values[0].numpy().tolist(), strict=True)))
    return built, scalars


@pytest.mark.parametrize(
    "typed",
    [
        {"method": "supervised"},
        {
            "method": "l2r",
            "l2r_warmup_epochs": 0,
            "meta_gradient": "forward",
            "probe_batch_size": 40,
        },
        {
            "method": "l2r",
            "l2r_warmup_epochs": 0,
            "l2r_agreement_epoch": 0,
            "meta_gradient": "nested",
            "probe_batch_size": 20,
        },
        {"method": "supervised", "accumulation_steps": 2, "clip_norm": 0.5},
        {"method": "supervised", "classes_per_batch": 10, "weak_rotation": 15.0},
        {"method": "supervised", "sampler": "class_aware"},
        {"method": "supervised", "sampler": "resample"},
        {"method": "ieg", "meta_gradient": "forward", "meta_interval": 2},
        {"method": "ieg", "meta_gradient": "nested", "aug_type": "randaug"},
        {"method": "fsr", "meta_start_epoch": 0, "queue_bs": 60, "meta_interval": 2},
        {"method": "dynamic_loss", "dynamic_warmup_epochs": 0, "meta_gradient": "forward"},
        {"method": "dynamic_loss", "dynamic_warmup_epochs": 0, "meta_gradient": "nested"},
        {"method": "dynamic_loss", "dynamic_warmup_epochs": 1},
        {"method": "mixup_labels", "mixup_target": "soft", "meta_gradient": "forward"},
        {
            "method": "mixup_labels",
            "mixup_variant": "proposal",
            "mixup_g_scale": "std",
            "meta_gradient": "nested",
        },
        {
            "method": "mixup_labels",
            "mixup_variant": "proposal",
            "mixup_stale": "position",
            "probe_batch_size": 20,
        },
    ],
    ids=str,
)
def test_one_replica_equals_two(typed, tmp_path):
    # They are halved with the replicas' batch.
    halved = {name: typed[name] // 2 for name in PER_REPLICA if name in typed}
    # IEG's trust is 0 or 1: once rounding has turned one over, all that follows differs.
    steps = STEPS // 2 if typed["method"] == "ieg" else STEPS
    one, one_scalars = train("none", 40, tmp_path, steps, **typed)
    two, two_scalars = train("mirrored", 20, tmp_path, steps, **typed | halved)
    assert two.strategy.num_replicas_in_sync == 2
    before = networks.create("test_no_batch_norm", (8, 8, 1), 10, seed=12345)
    for a, b, start in zip(
        one.state.params, two.state.params, before.trainable_variables, strict=True
    ):
        assert np.abs(a.numpy() - start.numpy()).max() > 1e-3, "training moved nothing"
        np.testing.assert_allclose(b.numpy(), a.numpy(), atol=1e-5)
    for a, b in zip(one.state.average, two.state.average, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), atol=1e-5)
    for a, b in zip(one_scalars, two_scalars, strict=True):
        assert a == pytest.approx(b, rel=1e-5, abs=2e-4)
    for name, variable in one.state.method_variables.items():
        values = two.state.method_variables[name].numpy()
        np.testing.assert_allclose(values, variable.numpy(), atol=1e-4, err_msg=name)
    for name, column in one.state.ledger.read().items():
        np.testing.assert_allclose(two.state.ledger.read()[name], column, atol=1e-4)


@pytest.mark.parametrize(
    "typed",
    [
        {"method": "supervised"},
        {"method": "l2r", "l2r_warmup_epochs": 0, "probe_batch_size": 20},
    ],
    ids=str,
)
def test_synchronized_batch_norm_is_that_of_the_global_batch(typed, tmp_path):
    halved = {name: typed[name] // 2 for name in PER_REPLICA if name in typed}
    # Two steps: each multiplies what sums of other sizes have rounded apart.
    flags = {"steps": 2, "network_name": "cnn", **typed}
    one, _ = train("none", 40, tmp_path, **flags)
    two, apart = (
        train("mirrored", 20, tmp_path, sync_batch_norm=sync, **flags | halved)[0]
        for sync in (True, False)
    )

    def largest_difference(other):
        pairs = zip(
            [*one.state.params, *one.state.network_state],
            [*other.state.params, *other.state.network_state],
            strict=True,
        )
        return max(np.abs(a.numpy() - b.numpy()).max() for a, b in pairs)

    assert largest_difference(two) < 1e-5
    assert largest_difference(apart) > 1e-3


@pytest.mark.parametrize(
    "typed",
    [
        {"method": "l2r", "l2r_warmup_epochs": 0},
        {"method": "ieg"},
        {"method": "fsr", "meta_start_epoch": 0, "queue_bs": 20, "use_mixup": False,
         "use_pseudo_loss": "none"},
        {"method": "mixup_labels", "mixup_variant": "proposal", "mixup_g_scale": "std"},
        {"method": "dynamic_loss", "dynamic_warmup_epochs": 0},
    ],
    ids=lambda typed: typed["method"],
)  # fmt: skip
def test_with_meta_scope_replica_each_looks_ahead_for_itself(typed, tmp_path):
    """The first step's weights, or corrections, are those of two runs on half the batch each."""
    own = {"network_name": "cnn", "meta_scope": "replica", **typed}
    two, alone = (build(name, 20, tmp_path, **own) for name in ("mirrored", "none"))
    plan = prepared_plan(two)
    (batch,) = two.pipeline.batches(two.strategy, 0, 1, plan)
    halves = [
        tf.nest.map_structure(lambda x, r=r: two.strategy.experimental_local_results(x)[r], batch)
        for r in range(2)
    ]
    prepared_plan(alone)
    found = [look_ahead(alone, half) for half in halves]
    together = look_ahead(two, batch)
    if typed["method"] == "dynamic_loss":
        for one, first, second in zip(together, *found, strict=True):
            np.testing.assert_allclose(one, (first + second) / 2, rtol=1e-4, atol=1e-8)
        return
    np.testing.assert_allclose(together, np.concatenate(found) / 2, rtol=1e-4, atol=1e-7)
    sums = [half.sum() for half in found]
    assert sums == pytest.approx([1, 1], abs=2e-3)
    of_all = look_ahead(build("mirrored", 20, tmp_path, **own | {"meta_scope": "global"}), batch)
    assert np.abs(of_all - together).max() > 1e-3, "the scope changes nothing"


def look_ahead(built, batch):
    """Example weights of one step [B], or of dynamic_loss the gradients of its φ."""
    method, state = built.method, built.state

    @tf.function(autograph=False)
    def run():
        def replica(batch):
            start = StepState(
                step=tf.constant(0, tf.int64),
                learning_rate=tf.constant(0.1),
                params=[tf.convert_to_tensor(v) for v in state.params],
                network_state=[tf.convert_to_tensor(v) for v in state.network_state],
                buffers=[tf.convert_to_tensor(v) for v in state.buffers],
                variables=state.method_variables,
            )
            if built.config.run.method != "dynamic_loss":
                weights = method.step(batch, start, method.variant(0)).per_example["weight"]
                return replicas.gather(weights)
            drawn = tf.one_hot(batch.label, method.context.num_classes)[:, ::-1]
            gradient = method._look_ahead(batch, start, method._phi(start), drawn).gradient
            return replicas.total(tf.nest.flatten(gradient))

        return built.strategy.run(replica, args=(batch,))

    first = built.strategy.experimental_local_results(run())[0]
    return tf.nest.map_structure(lambda x: x.numpy(), first)


def prepared_plan(built):
    built.method.on_epoch(0, built.state.method_variables, built.training_pass())
    return built.method.plan(0, built.state.method_variables)


def test_replicas_keep_identical_variables(tmp_path):
    two, _ = train("mirrored", 20, tmp_path, method="ieg")
    state = two.state
    for variable in [*state.params, *state.average, *state.network_state, state.ledger.means]:
        first, second = two.strategy.experimental_local_results(variable)
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_helpers_are_the_identity_on_one_replica():
    values = tf.constant([1.0, 2.0, 6.0])
    assert replicas.count() == 1
    np.testing.assert_array_equal(replicas.total(values), values)
    np.testing.assert_array_equal(replicas.mean(values), values)
    np.testing.assert_array_equal(replicas.gather(values), values)
    assert float(replicas.batch_mean(values)) == 3.0


def test_helpers_across_two_replicas():
    strategy = devices.strategy("mirrored")
    with strategy.scope():
        table = tf.Variable(
            tf.zeros(4),
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    @tf.function(autograph=False)
    def run():
        def replica():
            mine = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
            values = tf.stack([mine, mine + 2])  # [0, 2] and [1, 3]
            everyone = replicas.gather(values)
            replicas.scatter_add(table, tf.cast(everyone, tf.int32), everyone + 1)
            return (
                replicas.total(replicas.batch_mean(values)),
                replicas.mean(mine),
                everyone,
            )

        return strategy.run(replica)

    total, mean, everyone = (strategy.experimental_local_results(x) for x in run())
    assert [float(x) for x in total] == [1.5, 1.5]
    assert [float(x) for x in mean] == [0.5, 0.5]
    for copy in everyone:
        np.testing.assert_array_equal(copy, [0, 2, 1, 3])
    for copy in strategy.experimental_local_results(table):
        np.testing.assert_array_equal(copy, [1, 2, 3, 4])


def test_of_an_index_that_comes_twice_the_last_value_stays():
    variable = tf.Variable(tf.zeros([4, 2]))
    values = tf.constant([[1.0, 1], [2, 2], [3, 3], [4, 4]])
    replicas.scatter_update(variable, tf.constant([2, 0, 2, 3]), values)
    np.testing.assert_array_equal(variable, [[2, 2], [0, 0], [3, 3], [4, 4]])
