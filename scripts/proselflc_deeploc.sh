#!/usr/bin/env bash
# ProSelfLC on proteins, of a membrane or soluble, some with labels drawn at random: T = 0.2, B = 12.
#
#   bash scripts/proselflc_deeploc.sh [FOLDER] [FLAG ...]        default runs/proselflc_deeploc; FLAGs go to ieg.main
#   DATASETS="deeploc_embeddings deeploc_embeddings_unknown" bash scripts/proselflc_deeploc.sh runs/protbert
#
# Cost, published numbers and remarks: python -m ieg.grid proselflc_deeploc --list
# Needs DeepLoc's FASTA file, see data/README.md.
set -euo pipefail

exec python -m ieg.grid proselflc_deeploc --runs="${1-}" --dataset="${DATASETS-}" --seeds="${SEEDS-}" -- "${@:2}"
