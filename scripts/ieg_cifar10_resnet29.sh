#!/usr/bin/env bash
# IEG on CIFAR-10 with 20, 40 and 80 % uniform noise and with 40 % asymmetric noise: resnet29, 200,000 steps.
#
#   bash scripts/ieg_cifar10_resnet29.sh [FOLDER] [FLAG ...]        default runs/ieg_cifar10; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar10_asymmetric_0.4 bash scripts/ieg_cifar10_resnet29.sh
#
# 10 trusted images a class (hold ratio 0.002). Published: no number that could be verified for this network.
# Cost, an estimate and never run: 2 to 4 hours on one V100 for each of the four runs, or more, since so small
# kernels do not fill it. That is ieg_cifar100.sh times 1/29, the ratio of IEG's time for an image with both
# networks on a CPU. Two weeks on 2 CPU cores, by 1.8 s for a step of 32 images. Needs CIFAR-10, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=ieg \
  --datasets="${DATASETS:-cifar10_uniform_0.2 cifar10_uniform_0.4 cifar10_uniform_0.8 cifar10_asymmetric_0.4}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/ieg_cifar10}" -- \
  --network_name=resnet29 --probe_dataset_hold_ratio=0.002 --max_iteration=200000 "${@:2}"
