#!/usr/bin/env bash
# IEG on CIFAR-10 with 20, 40 and 80 % uniform noise and 10 probe images a class: wrn28-10, 200,000 steps.
#
#   bash scripts/ieg_cifar10.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar10; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar10_uniform_0.8 SEEDS="1 2 3" bash scripts/ieg_cifar10.sh
#
# Cost, published numbers and remarks: python -m ieg.grid ieg_cifar10 --list
# Needs CIFAR-10, see data/README.md.
set -euo pipefail

exec python -m ieg.grid ieg_cifar10 --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
