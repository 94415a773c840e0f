#!/bin/sh
# Writes 64 MiB without a line end, then ends.
dd if=/dev/zero bs=65536 count=1024 2>/dev/null | tr '\000' 'y'
