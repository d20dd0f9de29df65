#!/usr/bin/env bash
# FSR on WebVision mini (the first 50 classes, Google's part) without clean data: resnet50, 123,300 steps of 16.
#
#   bash scripts/run_fsr_webvision.sh [FOLDER] [FLAG ...]        default runs/fsr_webvision; FLAGs go to ieg.main
#   bash scripts/run_fsr_webvision.sh runs/fsr_imagenet --use_imagenet_as_eval=true
#
# Published, top-1: 0.749 on WebVision's validation images, 0.723 on ImageNet's (aggregator page of the paper,
# arXiv 2109.03216). --batch_size counts per GPU.
# Cost, an estimate and never run: 1 to 2 days on one V100. Needs WebVision, see data/README.md.
set -euo pipefail

exec bash "$(dirname "$0")/grid.sh" --methods=fsr --datasets="${DATASETS:-webvisionmini}" \
  --seeds="${SEEDS:-1}" --runs="${1:-runs/fsr_webvision}" -- \
  --network_name=resnet50 --batch_size=16 --max_iteration=123300 --queue_capacity=5000 \
  --use_pseudo_loss=all_1_0.1_1 --l2_weight_decay=0.0001 --warmup_epochs=3 --cos_t_mul=2 "${@:2}"
