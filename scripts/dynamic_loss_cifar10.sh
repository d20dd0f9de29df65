#!/usr/bin/env bash
# Dynamic Loss on long-tailed CIFAR-10 with wrong labels, the three released configurations: resnet32_skip.
#
#   bash scripts/dynamic_loss_cifar10.sh [FOLDER] [FLAG ...]        default runs/dynamic_loss_cifar10; FLAGs go to ieg.main
#   DATASETS=cifar10_imbal_0.1_prior_0.2 SEEDS="1 2 3" bash scripts/dynamic_loss_cifar10.sh runs/mine
#
# The plots of rank weights and margins of a run once more, from its checkpoint:
#   bash scripts/dynamic_loss_cifar10.sh runs/mine --mode=visualize
# Cost, published numbers and remarks: python -m ieg.grid dynamic_loss_cifar10 --list
# Needs CIFAR-10, see data/README.md.
set -euo pipefail

exec python -m ieg.grid dynamic_loss_cifar10 --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
