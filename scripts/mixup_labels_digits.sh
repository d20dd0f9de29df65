#!/usr/bin/env bash
# Meta-learned labels on digits with 40 % uniform noise, beside what they are compared with, three seeds.
#
#   bash scripts/mixup_labels_digits.sh [FOLDER] [FLAG ...]        default runs/mixup_labels_digits
#   SEEDS=1 bash scripts/mixup_labels_digits.sh runs/mine
#
# Each variant has a folder of runs of its own below FOLDER; one table at the end compares them all.
# Offline; running it again goes on where it stopped. FLAGs go to all runs.
# Cost, published numbers and remarks: python -m ieg.grid mixup_labels_digits --list
set -euo pipefail

exec python -m ieg.grid mixup_labels_digits --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
