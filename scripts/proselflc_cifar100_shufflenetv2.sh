#!/usr/bin/env bash
# ProSelfLC with sharpened predictions on CIFAR-100, 40 % symmetric noise: shufflenetv2, T = 0.4, B = 8.
#
#   bash scripts/proselflc_cifar100_shufflenetv2.sh [FOLDER] [FLAG ...]        default runs/proselflc_shufflenetv2
#   SEEDS="1 2 3" bash scripts/proselflc_cifar100_shufflenetv2.sh runs/three
#
# Cost, published numbers and remarks: python -m ieg.grid proselflc_cifar100_shufflenetv2 --list
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec python -m ieg.grid proselflc_cifar100_shufflenetv2 --runs="${1-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
