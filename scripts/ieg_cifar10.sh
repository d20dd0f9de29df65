#!/usr/bin/env bash
# IEG on CIFAR-10 with 20, 40 and 80 % uniform noise and 10 trusted images a class: wrn28-10, 200,000 steps.
#
#   bash scripts/ieg_cifar10.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar10; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar10_uniform_0.8 SEEDS="1 2 3" bash scripts/ieg_cifar10.sh
#
# Published, top-1: 0.9501 at 0.4, 0.9481 at 0.8, but with WRN-28-2, by an independent reproduction (thexp).
# Cost, an estimate and never run: that of ieg_cifar100.sh, 50 to 125 hours on one V100 for each run.
# Needs CIFAR-10, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=ieg \
  --datasets="${DATASETS:-cifar10_uniform_0.2 cifar10_uniform_0.4 cifar10_uniform_0.8}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/ieg_cifar10}" -- \
  --network_name=wrn28-10 --probe_dataset_hold_ratio=0.002 --max_iteration=200000 "${@:2}"
