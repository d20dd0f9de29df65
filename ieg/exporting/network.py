"""The network of an experiment as it is exported: with the weights that count, and its backbone."""

import keras

from ieg.experiment import Experiment
from ieg.exporting import inference
from ieg.features.cached import CachedImages


def full_network(experiment: Experiment) -> keras.Model:
    """A copy of the network from images, as they are stored or as its backbone takes them.

    Args:
      experiment: trained or restored, and not trained on afterwards: its current weights are
        replaced by those that count.
    """
    state = experiment.state
    inference.take_weights(state.params, state.evaluated_weights())
    as_is = experiment.config.architecture.as_is
    network = experiment.model if as_is else inference.standard_copy(experiment.model)
    if experiment.backbone is None:
        return network
    features = experiment.dataset.train.features
    assert isinstance(features, CachedImages) and features.standardization is not None
    return inference.behind(experiment.backbone.model, features.standardization, network)
