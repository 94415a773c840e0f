#!/bin/sh
# Plays claude as stream-json-agent.sh does, and what the request says besides, by words in it. It is called by a link.
#   soak:talks        each role says twenty things before its answer, a tenth of a second apart
#   soak:long         the answer of planner, implementor and whoever looks at it has 12,000 lines more, which is more than a history keeps
#   soak:fails        the planner writes to stderr and ends with code 3
#   soak:mend-NAME    the same, as long as there is no file mended-NAME beside the link
#   soak:hangs        the implementor works until it is stopped, with a child in its process group
set -eu
if [ "${1-}" = --version ]; then echo '0.0.0-test (soaking-agent)'; exit 0; fi

here=$(dirname "$0")
play=$(dirname "$(readlink "$0")")/stream-json-agent.sh
prompt=$(cat)
role=$(printf '%s\n' "$prompt" | sed -n '1s/^Role: //p')
wish=$(printf '%s\n' "$prompt" | sed -n 's/.*soak:\([a-z0-9-]*\).*/\1/p' | head -n 1)

case $wish-$role in
    talks-*)
        n=0
        while [ $n -lt 20 ]; do
            echo '{"type":"assistant","message":{"content":[{"type":"text","text":"I look at the files of this repository."}]}}'
            n=$((n + 1))
            sleep 0.1
        done ;;
    fails-planner) echo 'this request cannot be planned' >&2; exit 3 ;;
    mend-*-planner)
        if [ ! -e "$here/mended-${wish#mend-}" ]; then echo 'not yet' >&2; exit 3; fi ;;
    hangs-implementor) sleep 600 & wait ;;
esac

lines=0
case $wish-$role in
    long-classifier | long-plan_finder | long-branch_generator | long-committer | long-pr_creator) ;;
    long-*) lines=12000 ;;
esac
printf '%s\n' "$prompt" | "$play" "$@" | awk -v lines="$lines" '
    lines && /"type":"result"/ {
        at = index($0, "\",\"stop_reason\"")
        printf "%s", substr($0, 1, at - 1)
        for (n = 1; n <= lines; n++) printf "\\nline %d of what I have to say about it, and that is more than anybody wants to read", n
        $0 = substr($0, at)
    }
    { print }'
