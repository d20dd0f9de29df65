#!/usr/bin/env bash
# FSR on CIFAR with a long tail and 20 or 40 % uniform noise at once, without clean data: resnet32, 200 epochs.
#
#   bash scripts/run_fsr_cifar_longtail_noise.sh [FOLDER] [FLAG ...]  default runs/fsr_longtail_noise; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar10_imbal_0.02_0.2 bash scripts/run_fsr_cifar_longtail_noise.sh
#
# As run_fsr_cifar_longtail.sh, but negative weights are cut, and MixUp and the pseudo loss are on.
# No verified published number. Cost, an estimate and never run: 1 to 3 hours on one V100 for each run.
# Needs CIFAR, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=fsr \
  --datasets="${DATASETS:-cifar10_imbal_0.02_0.2 cifar10_imbal_0.02_0.4 cifar100_imbal_0.02_0.2 cifar100_imbal_0.02_0.4}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/fsr_longtail_noise}" -- \
  --network_name=resnet32 --batch_size=128 --max_epoch=200 --lr_schedule=custom_step --decay_epochs=160,180 \
  --decay_rate=0.01 --meta_start_epoch=160 --queue_capacity=2000 --queue_bs=200 "${@:2}"
