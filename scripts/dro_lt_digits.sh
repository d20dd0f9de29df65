#!/usr/bin/env bash
# DRO-LT on long-tailed digits: supervised training, then DRO-LT's stage from it; Focal and LDAM-DRW beside.
#
#   bash scripts/dro_lt_digits.sh [FOLDER] [FLAG ...]        default runs/dro_lt_digits; FLAGs go to stage 2
#   SEEDS=1 bash scripts/dro_lt_digits.sh runs/mine
#
# The same batches and phases without the robust loss, as a control:
#   bash scripts/dro_lt_digits.sh runs/control --feat_loss=ce_lt
# Cost, published numbers and remarks: python -m ieg.grid dro_lt_digits --list
set -euo pipefail

exec python -m ieg.grid dro_lt_digits --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
