"""Settings of the network: its architecture, its starting weights and its precision."""

from dataclasses import dataclass

from ieg.networks import precision
from ieg.options import option


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of the network; each field is a flag."""

    network_name: str = option("wrn28-10", "name of the network")
    backbone: str = option(
        "none",
        "frozen pretrained network whose features of the images are computed once and trained on: "
        "efficientnet_lite0, keras:NAME (a function of keras.applications), file:PATH (a headless "
        ".keras file), hub:PRESET (keras-hub) or none (train from pixels)",
        before="none",
    )
    backbone_weights: str | None = option(
        None,
        "file of weights for --backbone, in place of those that it finds itself",
        experiment=False,
    )
    train_backbone: bool = option(
        False,
        "train --backbone and a random classifier from pixels from the first step on, in the "
        "settings that the data set has for networks without a backbone",
        before=False,
    )
    head_start: str = option(
        "random",
        "initial weights of a linear network on features: random, or gaussian (closed form: "
        "Gaussian classes behind a label channel)",
        choices=("random", "gaussian"),
        before="random",
    )
    dropout_rate: float = option(
        0.0, "dropout rate in front of the classifier", at_least=0, below=1
    )
    cosine_classifier: bool = option(
        False,
        "cosine classifier: logits are 30 times the cosines between features and class vectors, "
        "without bias",
    )
    precision: str = option(
        "float32",
        "numeric precision of the layers before the classifier; the mixed ones keep weights, "
        "logits and losses in float32",
        choices=precision.NAMES,
    )
    pretrained_ckpt: str | None = option(
        None, "run folder or checkpoint that training takes its initial weights from"
    )
    fix_network_features: bool = option(
        False, "train only the classifier and leave the features as they are"
    )
    sync_batch_norm: bool = option(
        False, "take batch norm statistics over the global batch instead of each replica's part"
    )
