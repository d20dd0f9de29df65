#!/usr/bin/env bash
# ProSelfLC with sharpened predictions on CIFAR-100, 40 % symmetric noise: shufflenetv2, T = 0.4, B = 8.
#
#   bash scripts/proselflc_cifar100_shufflenetv2.sh [FOLDER] [FLAG ...]        default runs/proselflc_shufflenetv2
#   SEEDS="1 2 3" bash scripts/proselflc_cifar100_shufflenetv2.sh runs/three
#
# 39,000 batches of 128 with 64 classes each, ten to an update, as in the records released with
# DeepCriticalLearning. Those say, top-1 last (best): ProSelfLC 0.6155 (0.6194), cross entropy 0.4957 (0.5840).
# Cost: never run here; 39,000 plain steps. Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=supervised \
  --datasets="${DATASETS:-cifar100_symmetric_0.4}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/proselflc_shufflenetv2}" -- \
  --network_name=shufflenetv2 --loss=proselflc --proselflc_temperature=0.4 --proselflc_exp_base=8 \
  --proselflc_trust_mode=max_p --max_iteration=39000 --batch_size=128 --accumulation_steps=10 \
  --classes_per_batch=64 --weak_rotation=15 --learning_rate=0.2 --l2_weight_decay=0.001 \
  --lr_schedule=custom_step --decay_steps=20000,30000 --use_ema=false --eval_freq=500 "${@:2}"
