#!/usr/bin/env bash
# Eight ways to train on ISIC-2019 with wrong labels and five trusted images, and a control: reweighting and learned labels.
#
#   bash scripts/isic_2019.sh [FOLDER] [FLAG ...]        default runs/isic_2019
#   VARIANTS="baseline clamp_5" SEEDS="1 2 3" bash scripts/isic_2019.sh runs/some
#
# Published, test accuracy of single runs (always the largest class: 0.546):
#   wrong labels                        0      0.2    0.4
#   baseline                            0.797  0.68   0.55
#   clamp_5     L2R, weights cut at 0          0.67   0.60
#   sigmoid_5   L2R, sigmoid weights           0.68   0.64
#   sigmoid_125 with 125 trusted images        0.69   0.66
#   mixup_hard  learned labels                        0.60
#   mixup_soft                                        0.56
#   upper_bound learned labels from a clean network   0.70
#   proposal    learned labels and weights            0.557
# A control that was not published: baseline_clipped, what clipping alone does for the baseline, since most of the
# variants clip. Five trusted images show five of the eight classes; isic2019_balanced has five of each.
# 200 epochs of batches of 32, learning rate 1e-3 halved every 50 epochs: the preset of isic2019. Every variant has the
# folder FOLDER/VARIANT. The clean network of upper_bound is the baseline on clean labels of the same seed.
# Cost: never run on the real images here; 31,200 steps of resnet50_v15 at 224 pixels a run, work for a GPU. Needs the
# images and the ground truth of ISIC-2019, see data/README.md.
set -euo pipefail

scripts=$(dirname "$0") runs=${1:-runs/isic_2019} low=symmetric_0.2 high=symmetric_0.4
flags=("${@:2}")
five=--probe_batch_size=5 # of the trusted images in a step; with 125 they take turns
reweight=($five --l2r_warmup_epochs=0) # none of these begins with equal weights
sigmoid=("${reweight[@]}" --weight_mode=sigmoid --clip_norm=0.25)
learned=($five --clip_norm=0.25)

for seed in ${SEEDS:-1}; do
  for variant in ${VARIANTS:-baseline baseline_clipped clamp_5 sigmoid_5 sigmoid_125 mixup_hard mixup_soft upper_bound proposal}; do
    train() { # METHOD DATASETS FLAG ...
      bash "$scripts/grid.sh" --methods="$1" --datasets="$2" --seeds="$seed" --runs="$runs/$variant" \
        -- "${@:3}" ${flags[@]+"${flags[@]}"}
    }
    case $variant in
      baseline) train supervised "isic2019 isic2019_$low isic2019_$high" ;;
      baseline_clipped) train supervised "isic2019_$low isic2019_$high" --clip_norm=0.25 ;;
      clamp_5) train l2r "isic2019_$low isic2019_$high" "${reweight[@]}" --weight_mode=clamp ;;
      sigmoid_5) train l2r "isic2019_$low isic2019_$high" "${sigmoid[@]}" ;;
      sigmoid_125) train l2r "isic2019_clean125_$low isic2019_clean125_$high" "${sigmoid[@]}" ;;
      mixup_hard) train mixup_labels "isic2019_$high" "${learned[@]}" --mixup_target=hard ;;
      mixup_soft) train mixup_labels "isic2019_$high" "${learned[@]}" --mixup_target=soft ;;
      proposal) train mixup_labels "isic2019_$high" "${learned[@]}" --mixup_variant=proposal ;;
      upper_bound)
        clean=("$runs"/baseline/isic2019/*/supervised/seed"$seed")
        train mixup_labels "isic2019_$high" "${learned[@]}" --mixup_variant=upper_bound \
          --mixup_clean_ckpt="${clean[0]}"
        ;;
      *)
        echo "error: VARIANTS: '$variant' is none of those that the head of isic_2019.sh lists" >&2
        exit 2
        ;;
    esac
  done
done
python -m ieg.report.table "$runs"
