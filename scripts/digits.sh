#!/usr/bin/env bash
# The table of results on digits in the README: every method at two noise levels, three seeds each.
#
#   bash scripts/digits.sh [FOLDER]        default runs/digits
#
# Offline; about 10 minutes on 2 cores. Running it again goes on where it stopped. Test accuracy at
# the last step, as measured: supervised 0.934 and 0.661, l2r 0.973 and 0.919.
set -euo pipefail

runs=${1:-runs/digits}
for ratio in 0.4 0.8; do
  for method in supervised l2r; do
    for seed in 1 2 3; do
      python -m ieg.main --dataset=digits_uniform_$ratio --method=$method --seed=$seed \
        --checkpoint_path="$runs"
    done
  done
done
python -m ieg.report.table "$runs"
