#!/usr/bin/env bash
# Supervised training and L2R on CIFAR-100, in the setting and the folder of IEG.
#
#   bash scripts/compare_cifar100.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar100
#   CUDA_VISIBLE_DEVICES=1 METHODS=l2r DATASETS=cifar100_uniform_0.8 bash scripts/compare_cifar100.sh
#
# Cost, published numbers and remarks: python -m ieg.grid compare_cifar100 --list
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec python -m ieg.grid compare_cifar100 --runs="${1-}" --row="${METHODS-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
