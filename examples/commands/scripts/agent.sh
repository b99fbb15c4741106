#!/bin/sh
# The program of every agent of this example: one task, by its id, then the end.
#
# It is started in the work folder. The task is in the environment (MIYABI_TASK, MIYABI_ATTEMPT,
# MIYABI_AGENT, MIYABI_TITLE, MIYABI_MODULE, MIYABI_STATE_DIR, MIYABI_PLAN_DIR) and its prompt
# on stdin. A line `::progress 0.4` moves the progress bar. Exit code 0 claims that the task is
# done; whether it is, its outputs and its acceptance commands decide.
set -eu

scripts=$MIYABI_PLAN_DIR/scripts
echo "$MIYABI_AGENT takes $MIYABI_TASK, attempt $MIYABI_ATTEMPT: $(cat)"

case $MIYABI_TASK in
  Task-1) exec sh "$scripts/corpus.sh" ;;
  Task-2) exec sh "$scripts/split.sh" ;;
  Task-3) exec sh "$scripts/count.sh" 1 ;;
  Task-4) exec sh "$scripts/count.sh" 2 ;;
  Task-5) exec sh "$scripts/count.sh" 3 ;;
  Task-6) exec sh "$scripts/count.sh" 4 ;;
  Task-7) exec sh "$scripts/merge.sh" ;;
  Task-8) exec sh "$scripts/lengths.sh" ;;
  Task-9) exec sh "$scripts/recount.sh" ;;
  Task-10) exec sh "$scripts/summary.sh" ;;
  *)
    echo "no script for $MIYABI_TASK" >&2
    exit 1
    ;;
esac
