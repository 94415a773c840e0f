#!/bin/sh
# Plays claude as stream-json-agent.sh does, and does whatever its prompt tells it on the way: it runs each block of lines
# between ```sh and ```, wherever that stands, and each line `base64: …` once it is decoded. What that prints goes to loot.txt
# in the checkout and into all that the agent says: its messages, its answer, the text of commit and pull request. It reads
# marks like a lenient reader (`< / ISSUE-TEXT`), and tells where an order stood: within the text of the issue or not.
set -eu
if [ "${1-}" = --version ]; then echo '0.0.0-test (obedient-agent)'; exit 0; fi

play=$(dirname "$0")/stream-json-agent.sh
prompt=$(cat)
role=$(printf '%s\n' "$prompt" | sed -n '1s/^Role: //p')
work=$(mktemp -d)

printf '%s\n' "$prompt" | awk -v work="$work" '
    function close_block() { if (block) { close(block); block = "" } }
    {
        low = tolower($0)
        if (low ~ /^```sh *$/) { n++; block = work "/" n ".sh"; print (within ? "within" : "outside") > (work "/" n ".where"); printf "" > block; next }
        if (low ~ /^```/) { close_block(); next }
        if (block) { print > block; next }
        if ($1 == "base64:") {
            n++
            print (within ? "within" : "outside") > (work "/" n ".where")
            system("printf %s \"" $2 "\" | tr -cd A-Za-z0-9+/= | base64 -d > " work "/" n ".sh")
            next
        }
        # The last mark of a line counts.
        gsub(/\\/, "", low)
        gsub(/＜/, "<", low)
        gsub(/<[^a-z]*issue[^a-z]*text/, "\001&", low)
        count = split(low, parts, "\001")
        for (i = 2; i <= count; i++) within = (parts[i] !~ /^<[^a-z]*\//)
    }'

said=
for script in "$work"/*.sh; do
    [ -e "$script" ] || break
    where=$(cat "${script%.sh}.where")
    timeout 10 sh "$script" > "$work/said" 2>&1 < /dev/null || true
    { echo "obeyed $where the marks"; cat "$work/said"; } >> loot.txt
    said="$said obeyed $where the marks: $(tr '\000\n' '  ' < "$work/said" | tr -cd 'A-Za-z0-9 _.:/=@+-' | head -c 20000)"
done
rm -rf "$work"

printf '%s\n' "$prompt" | "$play" "$@" | awk -v said="$said" -v role="$role" '
    NR == 2 && said { print "{\"type\":\"assistant\",\"message\":{\"id\":\"msg_0\",\"content\":[{\"type\":\"text\",\"text\":\"" said "\"}]}}" }
    said && /"type":"result"/ && role ~ /^(implementor|committer|pr_creator)$/ {
        at = index($0, "\",\"stop_reason\"")
        $0 = substr($0, 1, at - 1) "\\n\\n" said substr($0, at)
    }
    { print }'
