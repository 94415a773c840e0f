#!/bin/sh
# Plays the agent program that the link names by which it is called: codex, gemini, opencode, or `lines` and `words` for
# programs that settings describe. It does the work of stream-json-agent.sh and says the answer in that program's format.
set -eu
if [ "${1-}" = --version ]; then echo '0.0.0-test (speaks)'; exit 0; fi
play=$(dirname "$(readlink "$0")")/stream-json-agent.sh

# As JSON writes it.
answer=$("$play" | sed -n 's/^{"type":"result".*"result":"\(.*\)","stop_reason".*/\1/p')
test -n "$answer"
say() { printf '%s\n' "$1"; }
case ${0##*/} in
    codex)
        say '{"type":"thread.started","thread_id":"s-1"}'
        say '{"type":"turn.started"}'
        say '{"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"'"$answer"'"}}'
        say '{"type":"turn.completed","usage":{"input_tokens":100,"output_tokens":20}}' ;;
    gemini)
        say '{"type":"init","session_id":"s-1","model":"m"}'
        say '{"type":"message","role":"assistant","content":"'"$answer"'","delta":true}'
        say '{"type":"result","status":"success","stats":{"input":100,"output_tokens":20}}' ;;
    opencode)
        say '{"type":"step_start","sessionID":"s-1","part":{}}'
        say '{"type":"text","sessionID":"s-1","part":{"text":"'"$answer"'"}}'
        say '{"type":"step_finish","sessionID":"s-1","part":{"reason":"stop","tokens":{"input":100,"output":20},"cost":0.1}}' ;;
    lines)
        say '{"event":"say","words":"'"$answer"'"}'
        say '{"event":"done"}' ;;
    words) printf '%b\n' "$answer" ;;
    *) echo "speaks.sh cannot play ${0##*/}" >&2; exit 2 ;;
esac
