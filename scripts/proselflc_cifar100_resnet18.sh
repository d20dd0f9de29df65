#!/usr/bin/env bash
# ProSelfLC with sharpened predictions on CIFAR-100, 40 % symmetric noise: resnet18, T = 0.5, B = 12.
#
#   bash scripts/proselflc_cifar100_resnet18.sh [FOLDER] [FLAG ...]        default runs/proselflc_resnet18
#   SEEDS="1 2 3" bash scripts/proselflc_cifar100_resnet18.sh runs/three
#
# Cost, published numbers and remarks: python -m ieg.grid proselflc_cifar100_resnet18 --list
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec python -m ieg.grid proselflc_cifar100_resnet18 --runs="${1-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
