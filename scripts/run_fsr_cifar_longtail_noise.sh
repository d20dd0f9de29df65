#!/usr/bin/env bash
# FSR on CIFAR with a long tail and 20 or 40 % uniform noise at once, without clean data: resnet32, 200 epochs.
#
#   bash scripts/run_fsr_cifar_longtail_noise.sh [FOLDER] [FLAG ...]        default runs/fsr_longtail_noise
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar10_imbal_0.02_0.2 bash scripts/run_fsr_cifar_longtail_noise.sh
#
# Cost, published numbers and remarks: python -m ieg.grid run_fsr_cifar_longtail_noise --list
# Needs CIFAR, see data/README.md.
set -euo pipefail

exec python -m ieg.grid run_fsr_cifar_longtail_noise --runs="${1-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
