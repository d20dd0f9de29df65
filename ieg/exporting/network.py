"""The network of an experiment as it is exported: with the weights that count, and its backbone."""

import keras

from ieg.experiment import Experiment
from ieg.exporting import inference
from ieg.features import whole
from ieg.features.cached import CachedImages


def full_network(experiment: Experiment) -> keras.Model:
    """A copy of the network from images, as they are stored or as its backbone takes them.

    Args:
      experiment: trained or restored, and not trained on afterwards: its current weights are
        replaced by those that count.
    """
    state = experiment.state
    inference.take_weights(state.params, state.evaluated_weights())
    network, backbone, standardization = experiment.model, experiment.backbone, None
    if experiment.config.trains_backbone:
        assert backbone is not None  # a part of the network
        network = whole.behind_backbone(network, backbone.model)
    elif backbone is not None:
        features = experiment.dataset.train.features
        assert isinstance(features, CachedImages)
        standardization = features.standardization
    if not experiment.config.architecture.as_is:
        network = inference.standard_copy(network)
    if backbone is None:
        return network
    return inference.behind(backbone.model, standardization, network)
