#!/usr/bin/env bash
# Eight ways to train on ISIC-2019 with wrong labels and five probe images, and a control: reweighting and
# learned labels.
#
#   bash scripts/isic_2019.sh [FOLDER] [FLAG ...]        default runs/isic_2019
#   VARIANTS="baseline clamp_5" SEEDS="1 2 3" bash scripts/isic_2019.sh runs/some
#
# Each variant has the folder FOLDER/VARIANT: baseline, baseline_clipped, clamp_5, sigmoid_5, sigmoid_125, mixup_hard,
# mixup_soft, upper_bound (which the baseline on clean labels comes before) and proposal.
# Cost, published numbers and remarks: python -m ieg.grid isic_2019 --list
# Needs the images and the ground truth of ISIC-2019, see data/README.md.
set -euo pipefail

exec python -m ieg.grid isic_2019 --runs="${1-}" --row="${VARIANTS-}" --seeds="${SEEDS-}" -- "${@:2}"
