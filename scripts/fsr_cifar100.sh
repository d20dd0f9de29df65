#!/usr/bin/env bash
# FSR on CIFAR-100 with 20, 40 and 80 % uniform noise and no clean data: wrn28-10, 63,500 steps.
#
#   bash scripts/fsr_cifar100.sh [FOLDER] [FLAG ...]        default runs/fsr_cifar100; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar100_uniform_0.8 SEEDS="1 2 3" bash scripts/fsr_cifar100.sh
#
# Published, top-1: 0.787 at 0.2 (aggregator page of the paper, arXiv 2109.03216); none verified at 0.4 and 0.8.
# Cost, an estimate and never run: 4 to 10 hours on one V100 for each of the three runs. An FSR step costs
# 1.8 plain ones (measured on a CPU with resnet29, `python -m benchmarks.step`; 2.0 counted in convolutions).
# Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=fsr \
  --datasets="${DATASETS:-cifar100_uniform_0.2 cifar100_uniform_0.4 cifar100_uniform_0.8}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/fsr_cifar100}" -- \
  --network_name=wrn28-10 --max_iteration=63500 --cos_t_mul=2 \
  --queue_capacity=2000 "${@:2}"
