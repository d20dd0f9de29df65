#!/usr/bin/env bash
# Trains every method on every data set with every seed, one run after the other, and prints the table.
#
#   bash scripts/grid.sh --methods "supervised l2r" --datasets "digits_uniform_0.4 digits_uniform_0.8" \
#     --seeds "1 2 3" [--losses "ce gce"] [--runs FOLDER] [-- FLAG ...]
#
# FOLDER (default runs/grid) becomes --checkpoint_path; flags behind -- go to ieg.main as they are. With
# --losses every method runs with each of them (--loss), the runs of one below FOLDER/LOSS.
# The first seed of all methods and data sets comes first, so that there is something to compare early.
#
# The same command again goes on where it stopped. A run that this command has finished is skipped: its
# folder holds the command and the checksum of its result in .grid. All others are left to ieg.main,
# which knows a finished run too. A run that fails is named at the end, with its status, and the others
# are still made. Ctrl-C and SIGTERM end the running one, which saves, and the grid.
#
# Status: 0 all done, 1 a run or the table failed, 2 bad usage, 130 or 143 interrupted.
set -euo pipefail

exec python -m ieg.grid free "$@"
