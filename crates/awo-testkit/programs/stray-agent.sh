#!/bin/sh
# Plays claude as stream-json-agent.sh does, and before it works leaves processes that nobody sees any more: deaf ones,
# each in a session of its own, whose parents have ended, some of them with the agent's output in their hands. Called by a
# link whose name ends with -strangers it leaves one more, without the environment that it was given.
set -eu

play=$(dirname "$(readlink "$0")")/stream-json-agent.sh
stay='trap "" INT TERM HUP; exec sleep 600'

setsid sh -c "$stay" &
setsid sh -c "setsid sh -c '$stay' & exit 0"
setsid sh -c "(setsid sh -c '$stay; :' < /dev/null > /dev/null 2>&1 &) & exit 0"
case $0 in
    *-strangers) env -i PATH=/usr/bin:/bin setsid sh -c "setsid sh -c '$stay' & exit 0" ;;
esac
# Long enough to be killed at, too.
sleep 0.4
exec "$play" "$@"
