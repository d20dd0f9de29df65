#!/usr/bin/env bash
# The first table of docs/results.md: four methods on five kinds of wrong labels, three seeds.
#
#   bash scripts/digits.sh [FOLDER] [FLAG ...]        default runs/digits
#   METHODS=ieg DATASETS=digits_uniform_0.8 SEEDS=1 bash scripts/digits.sh runs/one
#
# Offline; about an hour on 2 cores. Running it again goes on where it stopped. FLAGs go to ieg.main.
# Test accuracy at the last step, as measured at 0.2, 0.4, 0.6, 0.8 and asymmetric: supervised 0.968, 0.934, 0.883,
# 0.661, 0.858; l2r 0.982, 0.969, 0.962, 0.913, 0.989; ieg 0.991, 0.989, 0.987, 0.981, 0.991; fsr 0.986, 0.978, 0.969,
# 0.919, 0.984.
set -euo pipefail

uniform="digits_uniform_0.2 digits_uniform_0.4 digits_uniform_0.6 digits_uniform_0.8"
exec bash "$(dirname "$0")/grid.sh" \
  --methods="${METHODS:-supervised l2r ieg fsr}" \
  --datasets="${DATASETS:-$uniform digits_asymmetric_0.4}" \
  --seeds="${SEEDS:-1 2 3}" --runs="${1:-runs/digits}" -- "${@:2}"
