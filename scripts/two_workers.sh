#!/usr/bin/env bash
# Two worker processes train one network, here on one machine over loopback, as two machines would.
#
#   bash scripts/two_workers.sh [FOLDER] [FLAG ...]        default runs/two_workers
#
# L2R on digits with 40 % wrong labels, twice 50 images a step; offline, two minutes on 2 cores. Results are the chief's, and
# those of --distribution_strategy=mirrored with two devices, bit for bit. Running it again goes on where it stopped.
# On machines of your own set TF_CONFIG on each as below, with their addresses (docs/devices.md). FLAGs go to ieg.main.
set -euo pipefail

folder=${1:-runs/two_workers}

free_port() {  # one of 5000 from $1 on at which nobody listens
  local port
  while port=$(($1 + RANDOM % 5000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

workers="\"127.0.0.1:$(free_port 20000)\", \"127.0.0.1:$(free_port 25000)\""
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true' INT TERM
for index in 0 1; do
  TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": {\"type\": \"worker\", \"index\": $index}}" \
    python -m ieg.main --distribution_strategy=multi_worker_mirrored --dataset=digits_uniform_0.4 --method=l2r \
    --batch_size=50 --seed=1 --checkpoint_path="$folder" "${@:2}" &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do
  wait "$pid" || status=$?
  while kill -0 "$pid" 2>/dev/null; do wait "$pid" || status=$?; done  # a signal ends the first wait
done
exit "$status"
