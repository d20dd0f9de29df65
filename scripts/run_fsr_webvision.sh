#!/usr/bin/env bash
# FSR on WebVision mini (the first 50 classes, Google's part) without clean data: resnet50, 123,300 steps of 16.
#
#   bash scripts/run_fsr_webvision.sh [FOLDER] [FLAG ...]        default runs/fsr_webvision; FLAGs go to ieg.main
#   bash scripts/run_fsr_webvision.sh runs/fsr_imagenet --use_imagenet_as_eval=true
#
# Cost, published numbers and remarks: python -m ieg.grid run_fsr_webvision --list
# Needs WebVision, see data/README.md.
set -euo pipefail

exec python -m ieg.grid run_fsr_webvision --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
