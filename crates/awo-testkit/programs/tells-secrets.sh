#!/bin/sh
# Tells all that it knows of its login, on stdout, on stderr and as its answer: as it is, in base64 and percent-encoded.
cat > /dev/null
cd
secrets="$ANTHROPIC_API_KEY $HTTPS_PROXY $(cat .claude.json .claude/.credentials.json | tr -d '"\n')"
encoded=$(printf '%s' "$ANTHROPIC_API_KEY" | base64 -w 0)
header=$(printf 'me:pass/word-1' | base64 -w 0)
percent=pass%2Fword-1
all="$secrets $encoded $header $percent"
printf '%s\n' "$all" >&2
printf '{"type":"assistant","message":"%s"}\n' "$all"
escaped=$(printf '%s' "$ANTHROPIC_API_KEY" | sed 's/-/\\u002d/g')
printf '{"type":"result","subtype":"success","is_error":false,"session_id":"%s","result":"%s %s"}\n' "$escaped" "$all" "$escaped"
