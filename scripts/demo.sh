#!/usr/bin/env bash
# Does learning to reweight beat plain training when 40 % of the labels are redrawn at random?
#
#   make demo                   (or: bash scripts/demo.sh [FOLDER], default runs/demo)
#
# Offline: the digits ship inside scikit-learn. About a minute on 2 cores. Running it again takes up
# what is there: finished runs are kept, an interrupted one goes on. Test accuracy at the last step, as
# measured: supervised 0.919, l2r 0.969.
set -euo pipefail

runs=${1:-runs/demo}
for method in supervised l2r; do
  python -m ieg.main --dataset=digits_uniform_0.4 --method=$method --seed=1 --checkpoint_path="$runs"
  echo
done
python -m ieg.report.compare \
  "$runs"/digits_uniform_0.4/cnn/{supervised,l2r}/seed1 --figure="$runs/comparison.png"
