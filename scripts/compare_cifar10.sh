#!/usr/bin/env bash
# Supervised training and L2R on CIFAR-10, in the setting and the folder of IEG.
#
#   bash scripts/compare_cifar10.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar10
#   CUDA_VISIBLE_DEVICES=1 METHODS=l2r bash scripts/compare_cifar10.sh runs/ieg_cifar10 --network_name=resnet29
#
# Cost, published numbers and remarks: python -m ieg.grid compare_cifar10 --list
# Needs CIFAR-10, see data/README.md.
set -euo pipefail

exec python -m ieg.grid compare_cifar10 --runs="${1-}" --row="${METHODS-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
