#!/usr/bin/env bash
# FSR on long-tailed CIFAR-10 and CIFAR-100 without clean data: resnet32, 200 epochs, the paper's settings.
#
#   bash scripts/run_fsr_cifar_longtail.sh [FOLDER] [FLAG ...]        default runs/fsr_longtail; FLAGs go to ieg.main
#   CUDA_VISIBLE_DEVICES=0 DATASETS=cifar100_imbal_0.02 SEEDS="1 2 3" bash scripts/run_fsr_cifar_longtail.sh
#
# Weights are shifted above zero, not cut: no image is wrong, rare ones are to weigh more. For 160 epochs all
# weigh the same. No verified published number of FSR; L2R and plain training in the same setting stand in
# the table of results (FaMUS, table 8).
# Cost, an estimate and never run: 1 to 3 hours on one V100 for each of the four runs.
# Needs CIFAR, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=fsr \
  --datasets="${DATASETS:-cifar10_imbal_0.02 cifar10_imbal_0.01 cifar100_imbal_0.02 cifar100_imbal_0.01}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/fsr_longtail}" -- \
  --network_name=resnet32 --batch_size=128 --max_epoch=200 --lr_schedule=custom_step --decay_epochs=160,180 \
  --decay_rate=0.01 --label_smoothing=0.1 --use_mixup=false --use_pseudo_loss=none --clip_meta_weight=false \
  --meta_start_epoch=160 --queue_capacity=3000 --queue_bs=800 "${@:2}"
