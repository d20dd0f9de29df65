"""Settings of the network: its architecture, its starting weights and its precision."""

from dataclasses import dataclass

from ieg.networks import precision
from ieg.options import option


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of the network; each field is a flag."""

    network_name: str = option("wrn28-10", "the network")
    dropout_rate: float = option(0.0, "in front of the classifier", at_least=0, below=1)
    cosine_classifier: bool = option(
        False, "logits are 30 times cosines between features and class vectors; without bias"
    )
    precision: str = option(
        "float32",
        "what the network computes in before its classifier; mixed ones keep weights, logits and "
        "losses in float32",
        choices=precision.NAMES,
    )
    pretrained_ckpt: str | None = option(
        None, "start from the weights of this run folder or checkpoint"
    )
    fix_network_features: bool = option(False, "train only the classifier")
    sync_batch_norm: bool = option(
        False, "batch norm by the statistics of the global batch, not of each replica's part"
    )
