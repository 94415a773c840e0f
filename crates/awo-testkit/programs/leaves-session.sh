#!/bin/sh
# Answers and ends at once; a process in a session of its own stays and holds stdout. No signal to the group gets there.
setsid sleep 30 &
# Field 6 is the session. Until it is the child's own, the child would go with the group.
until [ "$(cut -d ' ' -f 6 "/proc/$!/stat")" = "$!" ]; do :; done
echo "$!"
