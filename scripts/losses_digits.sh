#!/usr/bin/env bash
# Every loss on digits with 40 and 60 % symmetric noise, three seeds: 90 runs of supervised training.
#
#   bash scripts/losses_digits.sh [FOLDER] [FLAG ...]        default runs/losses_digits
#   LOSSES="ce proselflc dm" DATASETS=digits_symmetric_0.4 SEEDS=1 bash scripts/losses_digits.sh runs/three
#
# Offline. Each loss has a folder of runs of its own below FOLDER; one table at the end compares them all.
# Running it again goes on where it stopped. FLAGs go to ieg.main.
set -euo pipefail

corrected="label_smoothing confidence_penalty label_correction boot_hard proselflc"
weighing="dm imae gce sce mae mse focal"
exec bash "$(dirname "$0")/grid.sh" --methods=supervised \
  --losses="${LOSSES:-ce $corrected $weighing ldam balanced_softmax}" \
  --datasets="${DATASETS:-digits_symmetric_0.4 digits_symmetric_0.6}" \
  --seeds="${SEEDS:-1 2 3}" --runs="${1:-runs/losses_digits}" -- "${@:2}"
