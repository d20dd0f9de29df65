#!/usr/bin/env bash
# Measures a trained run once more: top-1, top-5, balanced and per-class accuracy, calibration error.
#
#   bash scripts/evaluate.sh [FOLDER] [FLAG ...]        default: a run of ieg_cifar100.sh in runs/ieg_cifar100
#   bash scripts/evaluate.sh runs/digits --dataset=digits_uniform_0.8 --method=l2r --network_name=cnn --seed=2
#
# Takes the latest checkpoint, or that of --restore_step=N; writes evaluation_stepN_test.json into the folder
# of the run. Expect the numbers of its result.json. Cost: seconds on digits; half a minute on one V100 for
# wrn28-10, an estimate: 200 batches at a third of a plain training step each (see the recipe ieg_cifar100), and the start.
set -euo pipefail

exec python -m ieg.main --mode=evaluation --dataset=cifar100_uniform_0.8 --method=ieg --network_name=wrn28-10 \
  --seed=1 --checkpoint_path="${1:-runs/ieg_cifar100}" "${@:2}"
