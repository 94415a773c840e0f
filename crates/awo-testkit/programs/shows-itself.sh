#!/bin/sh
# Answers with the environment and directory it was given, as claude's result.
cat > /dev/null
environment=$(tr '\000' ' ' < /proc/$$/environ)
printf '{"type":"result","subtype":"success","is_error":false,"result":"%s| %s| %s"}\n' "$environment" "$(pwd)" "$*"
