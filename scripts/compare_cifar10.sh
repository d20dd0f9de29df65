#!/usr/bin/env bash
# What IEG is compared with on CIFAR-10, in the same setting: supervised training and L2R.
#
#   bash scripts/compare_cifar10.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar10: one table for all
#   CUDA_VISIBLE_DEVICES=1 METHODS=l2r bash scripts/compare_cifar10.sh runs/ieg_cifar10 --network_name=resnet29
#
# Published, top-1 at 0.2, 0.4, 0.8: plain cross-entropy 0.8698, 0.7752, 0.5382 and L2R 0.8945, 0.8718, 0.5859
# (CMW-Net, arXiv 2202.05613, table 2; network not stated, and an exact share of labels redrawn from all classes).
# Cost, an estimate and never run: that of compare_cifar100.sh, on one V100 7 to 16 hours for each supervised
# run and 18 to 42 for each of L2R. Needs CIFAR-10, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods="${METHODS:-supervised l2r}" \
  --datasets="${DATASETS:-cifar10_uniform_0.2 cifar10_uniform_0.4 cifar10_uniform_0.8 cifar10_asymmetric_0.4}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/ieg_cifar10}" -- \
  --network_name=wrn28-10 --probe_dataset_hold_ratio=0.002 --max_iteration=200000 "${@:2}"
