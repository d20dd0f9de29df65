#!/usr/bin/env bash
# Every loss on digits with 40 and 60 % symmetric noise, three seeds: 90 runs of supervised training.
#
#   bash scripts/losses_digits.sh [FOLDER] [FLAG ...]        default runs/losses_digits
#   LOSSES="ce proselflc dm" DATASETS=digits_symmetric_0.4 SEEDS=1 bash scripts/losses_digits.sh runs/three
#
# Offline; running it again goes on where it stopped. FLAGs go to ieg.main. Each loss has a folder of runs of
# its own below FOLDER; one table at the end compares them all. More: python -m ieg.grid losses_digits --list
set -euo pipefail

exec python -m ieg.grid losses_digits --runs="${1-}" --row="${LOSSES-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
