#!/usr/bin/env bash
# The table on long-tailed digits in docs/results.md: FSR without clean data beside supervised training, three seeds.
#
#   bash scripts/digits_longtail.sh [FOLDER] [FLAG ...]        default runs/digits_longtail; FLAGs go to ieg.main
#
# Cost, published numbers and remarks: python -m ieg.grid digits_longtail --list
# Offline; running it again goes on where it stopped.
set -euo pipefail

exec python -m ieg.grid digits_longtail --runs="${1-}" --seeds="${SEEDS-}" -- "${@:2}"
