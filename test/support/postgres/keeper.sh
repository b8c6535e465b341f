#!/bin/sh
# keeper.sh <folder>: waits until stdin is closed, which happens when the process that holds its other end is gone, however
# it ended. Then ends the servers that run in the folder, and removes it.
trap '' INT HUP TERM
folder=$1
cat >/dev/null

# Prints the pids in pid files whose process belongs to this folder: numbers are used again.
running() {
  for file in "$@"; do
    pid=$(head -n 1 "$file" 2>/dev/null)
    [ -n "$pid" ] && ps -o args= -p "$pid" | grep -qF -- "$folder" && echo "$pid"
  done
}

for pid in $(running "$folder"/*/pgbouncer.pid "$folder"/*/redis.pid); do kill -KILL "$pid"; done
servers=$(running "$folder"/*/data/postmaster.pid)
# An immediate shutdown: a server ends its own children, after five seconds also those that a test has stopped.
for pid in $servers; do kill -QUIT "$pid"; done
for pid in $servers; do
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null
done
rm -rf "$folder"
