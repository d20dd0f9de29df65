#!/usr/bin/env bash
# DRO-LT on long-tailed digits: supervised training, then DRO-LT's stage from its weights, offline.
#
#   bash scripts/dro_lt_digits.sh [FOLDER] [FLAG ...]        default runs/dro_lt_digits
#   SEEDS="1 2 3" bash scripts/dro_lt_digits.sh runs/mine
#
# A seed takes one to two minutes on 2 cores, most of it stage 2; FLAGs go to stage 2.
# The same batches and phases without the robust loss, as a control:
#   bash scripts/dro_lt_digits.sh runs/control --feat_loss=ce_lt
set -euo pipefail

scripts=$(dirname "$0") runs=${1:-runs/dro_lt_digits}
for seed in ${SEEDS:-1}; do
  for dataset in ${DATASETS:-digits_imbal_0.02}; do
    bash "$scripts/grid.sh" --methods=supervised --datasets="$dataset" --seeds="$seed" --runs="$runs"
    bash "$scripts/grid.sh" --methods=dro_lt --datasets="$dataset" --seeds="$seed" --runs="$runs" -- \
      --pretrained_ckpt="$runs/$dataset/cnn/supervised/seed$seed" "${@:2}"
  done
done
