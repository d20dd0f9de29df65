#!/usr/bin/env bash
# FSR on CIFAR-100 with 20, 40 and 80 % uniform noise and no clean data: wrn28-10, 63,500 steps.
#
#   bash scripts/fsr_cifar100.sh [FOLDER] [FLAG ...]        default runs/fsr_cifar100; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar100_uniform_0.8 SEEDS="1 2 3" bash scripts/fsr_cifar100.sh
#
# Cost, published numbers and remarks: python -m ieg.grid fsr_cifar100 --list
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec python -m ieg.grid fsr_cifar100 --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
