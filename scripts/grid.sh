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

{ # Bash reads the whole block before it runs it, so the file may change while a grid runs for days.

bad_usage() {
  echo "error: $1; usage: grid.sh --methods NAMES --datasets NAMES --seeds NUMBERS [--losses NAMES] [--runs FOLDER] [-- FLAG ...]" >&2
  exit 2
}

methods='' datasets='' seeds='' losses='' runs=runs/grid
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
  esac
  case $1 in --methods | --datasets | --seeds | --losses | --runs) ;; *) bad_usage "'$1' is no option of the grid" ;; esac
  case ${2:-} in '' | -*) bad_usage "$1 needs a value, not '${2:-}' (a FOLDER comes before all flags)" ;; esac
  declare "${1#--}=$2"
  shift 2
done

# "$@" are the flags for ieg.main from here on.
network='*' repeatable=true
for word in "$@"; do
  case $word in -*) ;; *) bad_usage "what follows -- must look like --flag=value, not '$word'" ;; esac
  name=${word#-} name=${name#-}
  case ${name%%=*} in
    method | dataset | seed | checkpoint_path) bad_usage "$word belongs before --, see usage" ;;
    loss) [ -z "$losses" ] || bad_usage "$word belongs before --, as --losses" ;;
    network_name) network=${name#*=} ;;
    mode | restore_step | flagfile) repeatable=false ;; # the same words may do something else next time
  esac
done
read -r -d '' -a all_methods <<<"$methods" || true
read -r -d '' -a all_datasets <<<"$datasets" || true
read -r -d '' -a all_seeds <<<"$seeds" || true
read -r -d '' -a all_losses <<<"$losses" || true
[ ${#all_losses[@]} -gt 0 ] || all_losses=('') # one round without --loss
total=$((${#all_methods[@]} * ${#all_datasets[@]} * ${#all_seeds[@]} * ${#all_losses[@]}))
[ $total -gt 0 ] || bad_usage "--methods, --datasets and --seeds must each name at least one"
for seed in "${all_seeds[@]}"; do
  case $seed in *[!0-9]*) bad_usage "--seeds must be whole numbers, not '$seed'" ;; esac
done
command -v python >/dev/null || bad_usage "no python on PATH"

# Its own process group, so that a signal reaches the run once, from `end`, and not from the terminal too.
set -m
child='' interrupted=0
end() {
  interrupted=$2
  [ -z "$child" ] || kill "-$1" "$child" 2>/dev/null || true
}
trap 'end INT 130' INT
trap 'end TERM 143' TERM
trap 'end TERM 129' HUP

run() { # runs a command; returns its status
  local status=0
  "$@" &
  child=$!
  while wait "$child" 2>/dev/null && status=0 || status=$?; kill -0 "$child" 2>/dev/null; do :; done
  child=''
  return $status
}

is_done() { # FOLDER COMMAND: whether that command made the result that lies there
  [ -f "$1/result.json" ] && [ -f "$1/.grid" ] || return 1
  [ "$(cat "$1/.grid")" = "$2"$'\n'"$(cksum <"$1/result.json")" ]
}

number=0 failures=''
for seed in "${all_seeds[@]}"; do
  for dataset in "${all_datasets[@]}"; do
    for method in "${all_methods[@]}"; do
      for loss in "${all_losses[@]}"; do
        number=$((number + 1))
        root=$runs${loss:+/$loss}
        words=(python -m ieg.main --dataset="$dataset" --method="$method" --seed="$seed" --checkpoint_path="$root")
        words+=(${loss:+"--loss=$loss"} "$@")
        printf -v command '%q ' "${words[@]}"
        command=${command% }
        # Without --network_name a run may be in the folder of any network.
        folders=("$root/$dataset"/$network/"$method/seed$seed")
        for folder in "${folders[@]}"; do
          if is_done "$folder" "$command"; then
            echo "[$number/$total] finished already: $command"
            continue 2
          fi
        done
        echo "[$number/$total] $command"
        status=0
        [ $interrupted -ne 0 ] || run "${words[@]}" || status=$?
        [ $interrupted -ne 0 ] || case $status in 129 | 130 | 143) interrupted=$status ;; esac
        if [ $interrupted -ne 0 ]; then
          echo "stopped in run $number of $total; the same command goes on" >&2
          exit $interrupted
        fi
        if [ $status -ne 0 ]; then
          failures+="  status $status: $command"$'\n'
        elif $repeatable; then
          folders=("$root/$dataset"/$network/"$method/seed$seed")
          if [ ${#folders[@]} -eq 1 ] && [ -f "${folders[0]}/result.json" ]; then
            printf '%s\n%s\n' "$command" "$(cksum <"${folders[0]}/result.json")" >"${folders[0]}/.grid" || true
          fi
        fi
        echo
      done
    done
  done
done

status=0
run python -m ieg.report.table "$runs" || status=1
[ $interrupted -eq 0 ] || exit $interrupted
if [ -n "$failures" ]; then
  printf '%s of %s runs failed:\n%s' "$(printf %s "$failures" | wc -l | tr -d ' ')" "$total" "$failures" >&2
  status=1
fi
exit $status
}
