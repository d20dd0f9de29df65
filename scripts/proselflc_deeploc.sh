#!/usr/bin/env bash
# ProSelfLC on proteins, of a membrane or soluble, some with labels drawn at random: T = 0.2, B = 12.
#
#   bash scripts/proselflc_deeploc.sh [FOLDER] [FLAG ...]        default runs/proselflc_deeploc
#   DATASETS="deeploc_embeddings deeploc_embeddings_unknown" bash scripts/proselflc_deeploc.sh runs/protbert
#
# Batches of 32 with 16 of each class, ten to an update, 40 epochs. Published with a network of six layers and 16 heads,
# test accuracy at the last step: ProSelfLC 0.924 (deeploc) and 0.922 (deeploc_unknown), cross entropy 0.887 and 0.842.
# Ours is smaller (transformer). Never run on the real proteins. Needs DeepLoc's FASTA file, see data/README.md.
set -euo pipefail

scripts=$(dirname "$0") runs=${1:-runs/proselflc_deeploc} data=${DATASETS:-deeploc deeploc_unknown}
common=(--accumulation_steps=10 --classes_per_batch=2 "${@:2}")
grid() { bash "$scripts/grid.sh" --methods=supervised --datasets="$data" --seeds="${SEEDS:-1}" --runs="$runs" "$@"; }
grid --losses=ce -- "${common[@]}"
grid --losses=proselflc -- --proselflc_temperature=0.2 --proselflc_exp_base=12 "${common[@]}"
