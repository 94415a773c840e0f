#!/bin/sh
# Writes 8 MiB of short messages, and its answer after them.
cat > /dev/null
yes '{"type":"assistant","message":"busy"}' | head -c 8388608
echo
echo '{"type":"result","subtype":"success","is_error":false,"result":"the answer after the flood"}'
