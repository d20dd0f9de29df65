#!/usr/bin/env bash
# DRO-LT on long-tailed CIFAR-100, imbalance 100, 50 and 10: both stages, with resnet32_skip.
#
#   bash scripts/dro_lt_cifar100.sh [FOLDER] [FLAG ...]        default runs/dro_lt_cifar100
#   DATASETS=cifar100_imbal_0.01 SEEDS="1 2 3" bash scripts/dro_lt_cifar100.sh runs/mine
#
# Stage 1 is supervised training as in LDAM-DRW (200 epochs, rates 0.1, 0.001 and 0.00001, without its warm-up of
# five epochs), and a baseline of its own; FLAGs go to stage 2. As published, stage 2 trains the classifier on the
# features that are best on the TEST images; --dro_selection=last does without them.
# The same augmentation, batches and phases without the robust loss, as a control:
#   bash scripts/dro_lt_cifar100.sh runs/control --feat_loss=ce_lt
#
# Published, top-1: 0.4731, 0.5757 (out of line with the others) and 0.6341; plain cross-entropy 0.3832, 0.4385,
# 0.5571 ("Weight Balancing", CVPR 2022, table 2). Never run. Needs CIFAR-100, see data/README.md.
set -euo pipefail

scripts=$(dirname "$0") runs=${1:-runs/dro_lt_cifar100}
for seed in ${SEEDS:-1}; do
  for dataset in ${DATASETS:-cifar100_imbal_0.01 cifar100_imbal_0.02 cifar100_imbal_0.1}; do
    bash "$scripts/grid.sh" --methods=supervised --datasets="$dataset" --seeds="$seed" --runs="$runs" -- \
      --network_name=resnet32_skip --batch_size=128 --max_epoch=200 --learning_rate=0.1 --l2_weight_decay=2e-4 \
      --lr_schedule=custom_step --decay_epochs=160,180 --decay_rate=0.01 --use_ema=false --eval_freq=1000
    bash "$scripts/grid.sh" --methods=dro_lt --datasets="$dataset" --seeds="$seed" --runs="$runs" -- \
      --pretrained_ckpt="$runs/$dataset/resnet32_skip/supervised/seed$seed" --eval_freq=1000 \
      --dro_selection=best "${@:2}"
  done
done
