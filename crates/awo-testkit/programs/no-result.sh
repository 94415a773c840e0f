#!/bin/sh
# Works and ends without a result.
cat > /dev/null
echo '{"type":"system","subtype":"init","session_id":"s-1"}'
echo '{"type":"assistant","message":{"content":[{"type":"text","text":"All done, everything works!"}]}}'
