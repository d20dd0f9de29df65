"""ProSelfLC with sharpened predictions on CIFAR-100 and on proteins, and label smoothing.

Wang, Hua, Kodirov, Clifton, Robertson, "ProSelfLC: Progressive Self Label Correction for Training
Robust Deep Neural Networks", CVPR 2021 (arXiv 2005.03788), and its successor (arXiv 2207.00118),
whose settings and numbers are those of the records released with DeepCriticalLearning.
"""

from ieg.recipes import RECIPES, Citation, Flags, Recipe, Row

_RECORDS = "records released with DeepCriticalLearning"


def _cifar100(
    title: str, network: str, published_network: str, decay: float, loss: Flags, runs: str, row: str
) -> Recipe:
    """The program for CIFAR-100 with one loss.

    Args:
      title: of the loss with its settings.
      network, published_network: our name, and that of the records.
      decay: weight decay.
      loss: `loss` and its options.
      runs: folder.
      row: the option that tells the loss in published.csv, beside cross entropy.
    """
    flags: Flags = {
        "network_name": network,
        **loss,
        "max_iteration": 39000,
        "batch_size": 128,
        "accumulation_steps": 10,
        "classes_per_batch": 64,
        "weak_pad": 4,
        "weak_rotation": 15,
        "pixel_mean": "0.50708,0.48655,0.44092",
        "pixel_std": "0.26733,0.25644,0.27615",
        "learning_rate": 0.2,
        "l2_weight_decay": decay,
        "lr_schedule": "custom_step",
        "decay_steps": "20000,30000",
        "use_ema": False,
        "eval_freq": 500,
    }
    return Recipe(
        title,
        source=_RECORDS,
        rows={"supervised": Row("supervised")},
        datasets=("cifar100_symmetric_0.4",),
        flags=flags,
        runs=runs,
        cost="39,000 plain steps: never run",
        published=(
            Citation(_RECORDS, network=published_network, settings={row: str(loss[row])}),
            Citation(_RECORDS, network=published_network, settings={"loss": "ce"}),
        ),
        remarks="Batches of 128 with 64 classes each, ten to an update.",
    )


def _proselflc(
    network: str, published_network: str, temperature: float, exp_base: int, decay: float
) -> Recipe:
    loss: Flags = {
        "loss": "proselflc",
        "proselflc_temperature": temperature,
        "proselflc_exp_base": exp_base,
        "proselflc_trust_mode": "max_p",
    }
    title = f"ProSelfLC on CIFAR-100, symmetric noise: {network}, T = {temperature}, B = {exp_base}"
    runs = f"runs/proselflc_{network}"
    return _cifar100(title, network, published_network, decay, loss, runs, row="loss")


RECIPES.register("proselflc_cifar100_resnet18")(
    _proselflc("resnet18", "ResNet-18", temperature=0.5, exp_base=12, decay=0.002)
)
RECIPES.register("proselflc_cifar100_shufflenetv2")(
    _proselflc("shufflenetv2", "ShuffleNetV2", temperature=0.4, exp_base=8, decay=0.001)
)
RECIPES.register("proselflc_cifar100_label_smoothing")(
    _cifar100(
        "Label smoothing in the setting of ProSelfLC: shufflenetv2, ε = 0.5",
        "shufflenetv2",
        "ShuffleNetV2",
        decay=0.001,
        loss={"loss": "label_smoothing", "label_smoothing": 0.5},
        runs="runs/proselflc_label_smoothing",
        row="label_smoothing",
    )
)

_PROTEINS: Flags = {"accumulation_steps": 10, "classes_per_batch": 2}

RECIPES.register("proselflc_deeploc")(
    Recipe(
        "ProSelfLC and cross entropy on DeepLoc's proteins, of a membrane or soluble",
        source=_RECORDS,
        rows={
            "ce": Row("supervised", _PROTEINS, loss="ce"),
            "proselflc": Row(
                "supervised",
                {"proselflc_temperature": 0.2, "proselflc_exp_base": 12, **_PROTEINS},
                loss="proselflc",
            ),
        },
        datasets=("deeploc", "deeploc_unknown"),
        runs="runs/proselflc_deeploc",
        cost="40 epochs of a small transformer a run: never run on the real proteins",
        published=(Citation(_RECORDS, setting="DeepLoc"),),
        remarks=(
            "deeploc is the published cropping noise, deeploc_unknown has random labels besides; "
            "deeploc_embeddings and deeploc_embeddings_unknown take features of another network. "
            "Batches of 32 with 16 of each class, ten to an update. The published network has six "
            "layers and 16 heads, ours is smaller."
        ),
    )
)
