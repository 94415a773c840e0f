#!/bin/sh
# Plays claude as stream-json-agent.sh does, directed by files beside the link that it is called by. ROLE is a role such
# as `planner`. Without --dangerously-skip-permissions it is denied its tools, as claude is.
#   calls             each call adds a line: role, process number
#   hold-ROLE         while it is there the call waits before it works, with a child in its process group
#   answer-ROLE       while it is there the call waits after it has worked and before it answers
#   deaf-ROLE         the call and its child ignore requests to stop
#   fail-ROLE         the call writes the text of the file to stderr and ends with code 3
#   limit-ROLE        the service tells the call to wait, until the second of the epoch in the file, if there is one
#   lengthen-ROLE     the answer has as many lines more as the file says
#   say-ROLE          the answer goes on with the text of the file, one line, as JSON writes it
set -eu
if [ "${1-}" = --version ]; then echo '0.0.0-test (stream-json-agent)'; exit 0; fi

here=$(dirname "$0")
play=$(dirname "$(readlink "$0")")/stream-json-agent.sh

allowed=false
for argument; do
    if [ "$argument" = --dangerously-skip-permissions ]; then allowed=true; fi
done
prompt=$(cat)
role=$(printf '%s\n' "$prompt" | sed -n '1s/^Role: //p')

# Every wait ends with the test's directory, too, so that a failed test leaves nothing behind.
if [ -e "$here/deaf-$role" ]; then trap '' INT TERM; fi
if [ -e "$here/hold-$role" ]; then
    (while [ -e "$here/hold-$role" ]; do sleep 0.1; done) &
fi
echo "$role $$" >> "$here/calls"
while [ -e "$here/hold-$role" ]; do sleep 0.05; done

if [ -e "$here/fail-$role" ]; then
    cat "$here/fail-$role" >&2
    exit 3
fi
if [ -e "$here/limit-$role" ]; then
    until=$(cat "$here/limit-$role")
    if [ -n "$until" ]; then echo "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\"resetsAt\":$until}}"; fi
    echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"too many requests"}'
    exit 1
fi
case $allowed-$role in
    false-planner | false-implementor)
        echo '{"type":"result","subtype":"success","is_error":false,"result":"I was not allowed to write.","permission_denials":[{"tool_name":"Write"}]}'
        exit 0 ;;
esac

lines=0
if [ -e "$here/lengthen-$role" ]; then lines=$(cat "$here/lengthen-$role"); fi
said=$(printf '%s\n' "$prompt" | "$play" "$@" | awk -v lines="$lines" -v words="$here/say-$role" '
    /"type":"result"/ {
        more = ""
        while ((getline line < words) > 0) more = more "\\n" line
        for (n = 1; n <= lines; n++) more = more "\\nline " n " of what I have to say"
        at = index($0, "\",\"stop_reason\"")
        $0 = substr($0, 1, at - 1) more substr($0, at)
    }
    { print }')
while [ -e "$here/answer-$role" ]; do
    : > "$here/worked-$role"
    sleep 0.05
done
printf '%s\n' "$said"
