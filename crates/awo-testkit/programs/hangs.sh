#!/bin/sh
# Ignores requests to stop, has a child that does too, and says both process numbers.
trap '' INT TERM
(trap '' INT TERM; while :; do sleep 1; done) &
echo "$$ $!"
while :; do sleep 1; done
