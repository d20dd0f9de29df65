"""Steps of L2R as usually written in PyTorch, beside PyTorch's own plain step.

For `python -m benchmarks.meta_gradient --peer=torch`, which alone imports this module: `pip install
-e '.[peer]'`. Networks and batches are those of ieg's rows, and steps end with the gradients,
without an update; 32-bit floats on the CPU, images in PyTorch's order of axes.

Both libraries use all cores. PyTorch's threads spin while they wait for each other, so other work
on the machine makes its steps many times slower: measure on an idle machine, or with
OMP_WAIT_POLICY=passive in the environment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import higher
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from benchmarks import steps, torch_networks

_STEPSIZE = 0.1


@dataclass(frozen=True)
class Problem:
    """Network and batch of a step.

    Attributes:
      network: the network, in training mode.
      image: [B, C, H, W] float32.
      label: [B] int64.
      probe_image: [P, C, H, W] float32.
      probe_label: [P] int64.
    """

    network: torch.nn.Module
    image: torch.Tensor
    label: torch.Tensor
    probe_image: torch.Tensor
    probe_label: torch.Tensor


#: Weight of each example [B], and the weighted loss' gradient for each parameter.
Result = tuple[torch.Tensor, tuple[torch.Tensor, ...]]


def plain(problem: Problem) -> Result:
    """Plain step with equal weights."""
    return _weighted(problem, torch.full((len(problem.label),), 1 / len(problem.label)))


def with_higher(problem: Problem) -> Result:
    """L2R with a virtual SGD step by `higher`, as its users write it."""
    epsilon = torch.zeros(len(problem.label), requires_grad=True)
    sgd = torch.optim.SGD(problem.network.parameters(), lr=_STEPSIZE)
    with higher.innerloop_ctx(problem.network, sgd) as (network, virtual):
        losses = cross_entropy(network(problem.image), problem.label, reduction="none")
        virtual.step((epsilon * losses).sum())
        probe_loss = cross_entropy(network(problem.probe_image), problem.probe_label)
        (gradient,) = torch.autograd.grad(probe_loss, epsilon)
    return _weighted(problem, _example_weights(gradient))


def by_hand(problem: Problem) -> Result:
    """L2R with a virtual step whose graph is kept, in PyTorch alone."""
    epsilon = torch.zeros(len(problem.label), requires_grad=True)
    params = dict(problem.network.named_parameters())
    losses = cross_entropy(problem.network(problem.image), problem.label, reduction="none")
    slopes = torch.autograd.grad(
        (epsilon * losses).sum(), tuple(params.values()), create_graph=True
    )
    ahead = {
        name: value - _STEPSIZE * slope
        for (name, value), slope in zip(params.items(), slopes, strict=True)
    }
    logits = functional_call(problem.network, ahead, (problem.probe_image,))
    (gradient,) = torch.autograd.grad(cross_entropy(logits, problem.probe_label), epsilon)
    return _weighted(problem, _example_weights(gradient))


def make_step(
    step: Callable[[Problem], Result], network: str, batch_size: int
) -> Callable[[], None]:
    """Make a step on random numbers, to be timed.

    Args:
      step: a step of this module.
      network: name in `torch_networks`; images as in `steps.make_step`.
      batch_size: training examples, and as many probe examples.
    """
    height, width, colors = steps.image_shape(network)
    generator = torch.Generator().manual_seed(0)

    def images() -> torch.Tensor:
        return 2 * torch.rand(batch_size, colors, height, width, generator=generator) - 1

    def labels() -> torch.Tensor:
        return torch.randint(steps.CLASSES, (batch_size,), generator=generator)

    model = torch_networks.create(network, colors, steps.CLASSES)
    problem = Problem(model, images(), labels(), images(), labels())

    def run() -> None:
        step(problem)

    return run


#: Row of the table → (network, batch size) → a step of it; the first is the plain one.
ROWS: dict[str, Callable[[str, int], Callable[[], None]]] = {
    "plain": partial(make_step, plain),
    "L2R, higher": partial(make_step, with_higher),
    "L2R, by hand": partial(make_step, by_hand),
}


def _example_weights(gradient: torch.Tensor) -> torch.Tensor:
    """Weights max(-g_i, 0), normalized to sum to one; L2R, line 11 of algorithm 1."""
    weights = torch.clamp(-gradient, min=0)
    return weights / (weights.sum() + 1e-5)


def _weighted(problem: Problem, weights: torch.Tensor) -> Result:
    losses = cross_entropy(problem.network(problem.image), problem.label, reduction="none")
    loss = (weights * losses).sum()
    return weights, torch.autograd.grad(loss, tuple(problem.network.parameters()))
