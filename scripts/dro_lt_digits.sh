#!/usr/bin/env bash
# DRO-LT on long-tailed digits: supervised training, then DRO-LT's stage from its weights; Focal and LDAM-DRW beside.
#
#   bash scripts/dro_lt_digits.sh [FOLDER] [FLAG ...]        default runs/dro_lt_digits
#   SEEDS=1 bash scripts/dro_lt_digits.sh runs/mine
#
# Three seeds; a seed takes two to three minutes on 2 cores, most of it stage 2. FLAGs go to stage 2, which has the
# network of stage 1. The same batches and phases without the robust loss, as a control:
#   bash scripts/dro_lt_digits.sh runs/control --feat_loss=ce_lt
set -euo pipefail

scripts=$(dirname "$0") runs=${1:-runs/dro_lt_digits} data=${DATASETS:-digits_imbal_0.02}
for seed in ${SEEDS:-1 2 3}; do
  grid() { bash "$scripts/grid.sh" --datasets=$data --seeds="$seed" --runs="$runs" "$@"; }
  grid --methods=supervised
  grid --methods=supervised --losses=focal
  grid --methods=supervised --losses=ldam -- --train_rule=drw
  grid --methods=dro_lt -- --pretrained_ckpt="$runs/$data/cnn/supervised/seed$seed" "${@:2}"
done
