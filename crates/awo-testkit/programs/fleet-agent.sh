#!/bin/sh
# Plays claude as stream-json-agent.sh does, for workers that share orders: it takes its time, up to a second.
# Beside the link that it is called by it writes
#   at-work-ORDER     locked while an agent of the order is at work, with all that it started
#   overlaps          a line for each agent that began while another one of its order was at work
#   poisoned-PROCESS  the worker that it killed: a planner whose request holds the word `poison` kills the worker above it
set -eu
if [ "${1-}" = --version ]; then echo '0.0.0-test (fleet-agent)'; exit 0; fi

here=$(dirname "$0")
play=$(dirname "$(readlink "$0")")/stream-json-agent.sh
prompt=$(cat)
role=$(printf '%s\n' "$prompt" | sed -n '1s/^Role: //p')

exec 9> "$here/at-work-$AWO_ORDER"
if ! flock --nonblock 9; then echo "$AWO_ORDER $role" >> "$here/overlaps"; fi

chance=$(od -An -N2 -tu2 /dev/urandom)
sleep "$(awk "BEGIN { print $chance / 65536 }")"

if [ "$role" = planner ] && printf '%s\n' "$prompt" | grep -q poison; then
    process=$PPID
    while [ "$process" -gt 1 ]; do
        if tr '\0' ' ' < "/proc/$process/cmdline" | grep -q ' worker --max-running'; then
            : > "$here/poisoned-$process"
            kill -9 "$process"
        fi
        process=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$process/status")
    done
    sleep 600
fi

printf '%s\n' "$prompt" | "$play" "$@"
