#!/usr/bin/env bash
# FSR on long-tailed CIFAR-10 and CIFAR-100 without clean data: resnet32, 200 epochs, the paper's settings.
#
#   bash scripts/run_fsr_cifar_longtail.sh [FOLDER] [FLAG ...]        default runs/fsr_longtail; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar100_imbal_0.02 SEEDS="1 2 3" bash scripts/run_fsr_cifar_longtail.sh
#
# Cost, published numbers and remarks: python -m ieg.grid run_fsr_cifar_longtail --list
# Needs CIFAR, see data/README.md.
set -euo pipefail

exec python -m ieg.grid run_fsr_cifar_longtail --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
