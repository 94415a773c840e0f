#!/bin/sh
# Hangs until it is interrupted, and says so.
trap 'echo interrupted; exit 0' INT
echo "$$"
while :; do sleep 0.05; done
