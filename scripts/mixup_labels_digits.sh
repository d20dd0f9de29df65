#!/usr/bin/env bash
# Meta-learned labels on digits with 40 % uniform noise, beside what they are compared with, three seeds.
#
#   bash scripts/mixup_labels_digits.sh [FOLDER] [FLAG ...]        default runs/mixup_labels_digits
#   SEEDS=1 bash scripts/mixup_labels_digits.sh runs/mine
#
# Plain training (on right labels, on noisy ones, and clipped as a control), L2R by clamped and by sigmoid weights,
# hard and soft labels, the proposal, and its upper bound, which takes the network trained on right labels. The clean
# images are few, the same ten in every step, but for l2r_sigmoid_many: 120, of which a step sees ten. Each variant has
# a folder of runs of its own below FOLDER; one table at the end compares them all. Offline; nine runs of about half
# a minute on 2 cores a seed. Running it again goes on where it stopped. FLAGs go to all runs, whose network stays cnn.
set -euo pipefail

scripts=$(dirname "$0") runs=${1:-runs/mixup_labels_digits} noisy=${DATASETS:-digits_uniform_0.4}
flags=("${@:2}")
run() { # VARIANT DATASET METHOD [FLAG ...]
  bash "$scripts/grid.sh" --runs="$runs/$1" --datasets="$2" --methods="$3" --seeds="$seed" -- "${@:4}" ${flags[@]+"${flags[@]}"}
}

clip=--clip_norm=0.25
few="--probe_dataset_hold_ratio=0.007 --probe_batch_size=10"
many="--probe_dataset_hold_ratio=0.084 --probe_batch_size=10"
for seed in ${SEEDS:-1 2 3}; do
  run clean digits supervised
  run plain "$noisy" supervised
  run plain_clipped "$noisy" supervised $clip
  run l2r_clamp "$noisy" l2r $few
  run l2r_sigmoid "$noisy" l2r --weight_mode=sigmoid $clip $few
  run l2r_sigmoid_many "$noisy" l2r --weight_mode=sigmoid $clip $many
  run hard "$noisy" mixup_labels $few
  run soft "$noisy" mixup_labels --mixup_target=soft $few
  run proposal "$noisy" mixup_labels --mixup_variant=proposal $few
  run upper_bound "$noisy" mixup_labels --mixup_variant=upper_bound $few \
    --mixup_clean_ckpt="$runs/clean/digits/cnn/supervised/seed$seed"
done
python -m ieg.report.table "$runs"
