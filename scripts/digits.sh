#!/usr/bin/env bash
# The table of results on digits in the README: every method on five kinds of wrong labels, three seeds.
#
#   bash scripts/digits.sh [FOLDER] [FLAG ...]        default runs/digits
#   METHODS=ieg DATASETS=digits_uniform_0.8 SEEDS=1 bash scripts/digits.sh runs/one
#
# Offline; about 40 minutes on 2 cores. Running it again goes on where it stopped. FLAGs go to ieg.main.
# Test accuracy at the last step, as measured: @NUMBERS@
set -euo pipefail

uniform="digits_uniform_0.2 digits_uniform_0.4 digits_uniform_0.6 digits_uniform_0.8"
exec bash "$(dirname "$0")/grid.sh" \
  --methods="${METHODS:-supervised l2r ieg fsr}" \
  --datasets="${DATASETS:-$uniform digits_asymmetric_0.4}" \
  --seeds="${SEEDS:-1 2 3}" --runs="${1:-runs/digits}" -- "${@:2}"
