#!/usr/bin/env bash
# The first table of docs/results.md: four methods on five kinds of wrong labels, three seeds.
#
#   bash scripts/digits.sh [FOLDER] [FLAG ...]        default runs/digits
#   METHODS=ieg DATASETS=digits_uniform_0.8 SEEDS=1 bash scripts/digits.sh runs/one
#
# Cost, published numbers and remarks: python -m ieg.grid digits --list
# Offline; running it again goes on where it stopped. FLAGs go to ieg.main.
set -euo pipefail

exec python -m ieg.grid digits --runs="${1-}" --row="${METHODS-}" \
  --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
