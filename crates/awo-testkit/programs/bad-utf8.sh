#!/bin/sh
# Writes bytes that are not UTF-8, beside and inside its result.
cat > /dev/null
printf '\377\376\n'
printf '{"type":"result","subtype":"success","is_error":false,"result":"caf\351"}\n'
