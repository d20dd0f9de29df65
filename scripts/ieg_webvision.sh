#!/usr/bin/env bash
# IEG on WebVision mini, tested on ImageNet's validation images: resnet50, 1,000,000 steps of 8 images a GPU.
#
#   bash scripts/ieg_webvision.sh [FOLDER] [FLAG ...]        default runs/ieg_webvision; FLAGs go to ieg.main
#   bash scripts/ieg_webvision.sh runs/webvision --use_imagenet_as_eval=false
#
# Cost, published numbers and remarks: python -m ieg.grid ieg_webvision --list
# Needs WebVision and ImageNet, see data/README.md.
set -euo pipefail

exec python -m ieg.grid ieg_webvision --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
