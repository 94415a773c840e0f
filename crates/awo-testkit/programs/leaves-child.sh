#!/bin/sh
# Answers and ends at once; a child of the same group stays and holds stdout and stderr.
(trap '' INT TERM HUP; while :; do sleep 1; done) &
echo "$!"
