#!/usr/bin/env bash
# Dynamic Loss on digits with a long tail and wrong labels at once, beside plain and long-tail losses, three seeds.
#
#   bash scripts/dynamic_loss_digits.sh [FOLDER] [FLAG ...]        default runs/dynamic_loss_digits
#
# The smallest class has a tenth of the images of the largest, and 40 % of the labels are redrawn from the class
# sizes, which is the noise of the paper. Offline; about twenty minutes on 2 cores. Running it again goes on
# where it stopped. FLAGs go to all runs.
set -euo pipefail

runs=${1:-runs/dynamic_loss_digits}
grid() {
  bash "$(dirname "$0")/grid.sh" --datasets=digits_imbal_0.1_prior_0.4 --seeds="${SEEDS:-1 2 3}" --runs="$runs" "$@"
}

grid --methods=supervised --losses="ce balanced_softmax ldam" -- "${@:2}"
grid --methods=dynamic_loss -- "${@:2}"
