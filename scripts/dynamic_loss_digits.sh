#!/usr/bin/env bash
# Dynamic Loss on digits with a long tail and wrong labels at once, beside plain and long-tail losses, three seeds.
#
#   bash scripts/dynamic_loss_digits.sh [FOLDER] [FLAG ...]        default runs/dynamic_loss_digits
#
# Cost, published numbers and remarks: python -m ieg.grid dynamic_loss_digits --list
# Offline; running it again goes on where it stopped. FLAGs go to all runs.
set -euo pipefail

exec python -m ieg.grid dynamic_loss_digits --runs="${1-}" --seeds="${SEEDS-}" -- "${@:2}"
