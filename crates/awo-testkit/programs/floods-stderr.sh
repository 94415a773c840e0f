#!/bin/sh
# Writes 8 MiB to stderr before its answer on stdout, and then the end of its errors.
dd if=/dev/zero bs=65536 count=128 2>/dev/null | tr '\000' 'e' >&2
echo answer
echo 'the end' >&2
