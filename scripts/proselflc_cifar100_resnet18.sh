#!/usr/bin/env bash
# ProSelfLC with sharpened predictions on CIFAR-100, 40 % symmetric noise: resnet18, T = 0.5, B = 12.
#
#   bash scripts/proselflc_cifar100_resnet18.sh [FOLDER] [FLAG ...]        default runs/proselflc_resnet18
#   SEEDS="1 2 3" bash scripts/proselflc_cifar100_resnet18.sh runs/three
#
# 39,000 batches of 128 with 64 classes each, ten to an update, as in the records released with
# DeepCriticalLearning. Those say, top-1 last (best): ProSelfLC 0.6835 (0.6844), cross entropy 0.4755 (0.6297).
# Cost: never run here; 39,000 plain steps. Needs CIFAR-100, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=supervised \
  --datasets="${DATASETS:-cifar100_symmetric_0.4}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/proselflc_resnet18}" -- \
  --network_name=resnet18 --loss=proselflc --proselflc_temperature=0.5 --proselflc_exp_base=12 \
  --proselflc_trust_mode=max_p --max_iteration=39000 --batch_size=128 --accumulation_steps=10 \
  --classes_per_batch=64 --weak_rotation=15 --learning_rate=0.2 --l2_weight_decay=0.002 \
  --lr_schedule=custom_step --decay_steps=20000,30000 --use_ema=false --eval_freq=500 "${@:2}"
