#!/usr/bin/env bash
# IEG on CIFAR-100 with 20, 40 and 80 % uniform noise and 10 trusted images a class: wrn28-10, 200,000 steps.
#
#   bash scripts/ieg_cifar100.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar100; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar100_uniform_0.8 SEEDS="1 2 3" bash scripts/ieg_cifar100.sh
#
# Published, top-1: 0.802 ± 0.003 at 0.4, 0.755 ± 0.002 at 0.8 (arXiv 1910.00701, abstract); none known at 0.2.
# Cost, an estimate and never run: 50 to 125 hours on one V100 for each of the three runs, about 14 GB. A plain
# wrn28-10 step takes 120 to 280 ms there (the 839 ms of L2R in FaMUS, table 1, over its 3 to 7), an IEG step
# 8 plain ones (7.2 measured on a CPU, 8.7 counted in convolutions); memory grows by 125 MB an image on a CPU.
# With G GPUs give --batch_size=100/G, which counts per GPU. The README of the original says that half the steps
# can reach the reported numbers. Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=ieg \
  --datasets="${DATASETS:-cifar100_uniform_0.2 cifar100_uniform_0.4 cifar100_uniform_0.8}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/ieg_cifar100}" -- \
  --network_name=wrn28-10 --probe_dataset_hold_ratio=0.02 --max_iteration=200000 "${@:2}"
