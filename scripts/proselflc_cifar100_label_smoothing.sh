#!/usr/bin/env bash
# Label smoothing in the setting of ProSelfLC on CIFAR-100, 40 % symmetric noise: shufflenetv2, epsilon 0.5.
#
#   bash scripts/proselflc_cifar100_label_smoothing.sh [FOLDER] [FLAG ...]        default runs/proselflc_label_smoothing
#   SEEDS="1 2 3" bash scripts/proselflc_cifar100_label_smoothing.sh runs/three
#
# Cost, published numbers and remarks: python -m ieg.grid proselflc_cifar100_label_smoothing --list
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec python -m ieg.grid proselflc_cifar100_label_smoothing --runs="${1-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
