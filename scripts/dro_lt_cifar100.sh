#!/usr/bin/env bash
# DRO-LT on long-tailed CIFAR-100, imbalance 100, 50 and 10: supervised training, then DRO-LT's stage from it.
#
#   bash scripts/dro_lt_cifar100.sh [FOLDER] [FLAG ...]        default runs/dro_lt_cifar100; FLAGs go to stage 2
#   DATASETS=cifar100_imbal_0.01 SEEDS="1 2 3" bash scripts/dro_lt_cifar100.sh runs/mine
#
# The same augmentation, batches and phases without the robust loss, as a control:
#   bash scripts/dro_lt_cifar100.sh runs/control --feat_loss=ce_lt
# Cost, published numbers and remarks: python -m ieg.grid dro_lt_cifar100 --list
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec python -m ieg.grid dro_lt_cifar100 --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
