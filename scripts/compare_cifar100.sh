#!/usr/bin/env bash
# What IEG is compared with on CIFAR-100, in the same setting: supervised training and L2R.
#
#   bash scripts/compare_cifar100.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar100: one table for all
#   CUDA_VISIBLE_DEVICES=1 METHODS=l2r DATASETS=cifar100_uniform_0.8 bash scripts/compare_cifar100.sh
#
# Published, top-1 at 0.2, 0.4, 0.8: plain cross-entropy 0.6038, 0.4692, 0.0829 and L2R 0.6532, 0.5575, 0.1680
# (CMW-Net, arXiv 2202.05613, table 2; network not stated, and an exact share of labels redrawn from all classes).
# Cost, an estimate and never run: on one V100 7 to 16 hours for each supervised run (200,000 plain steps, see
# ieg_cifar100.sh), 18 to 42 for each of L2R (2.7 times that). Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods="${METHODS:-supervised l2r}" \
  --datasets="${DATASETS:-cifar100_uniform_0.2 cifar100_uniform_0.4 cifar100_uniform_0.8}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/ieg_cifar100}" -- \
  --network_name=wrn28-10 --probe_dataset_hold_ratio=0.02 --max_iteration=200000 "${@:2}"
