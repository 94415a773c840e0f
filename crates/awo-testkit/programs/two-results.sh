#!/bin/sh
# Gives two results; the last one counts. Around them are lines that are no messages at all.
cat > /dev/null
echo 'Warning: this is not JSON'
echo '[1, 2, 3]'
echo '{"type":"result","subtype":"success","is_error":false,"result":"the first"}'
echo '{"type":"of_tomorrow","is_error":true}'
echo '42'
echo '{"type":"result","subtype":"success","is_error":false,"result":"the last"}'
echo '{"type":"result'
