#!/bin/sh
# Claims success and ends with an error code, saying why on stderr.
cat > /dev/null
echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'
echo 'the disk is on fire' >&2
exit 3
