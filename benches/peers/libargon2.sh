#!/usr/bin/env bash
# libargon2.sh OUT: builds the reference implementation of Argon2 for AVX2, as the bench `argon2` asks
# for it. Its source comes with argon2-cffi-bindings; needs pip and a C compiler.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip download -q --no-deps --no-binary argon2-cffi-bindings -d "$work" argon2-cffi-bindings==26.2.0
tar -xzf "$work"/argon2_cffi_bindings-*.tar.gz -C "$work"
source=$(echo "$work"/argon2_cffi_bindings-*/extras/libargon2)
cc -O3 -mavx2 -DARGON2_NO_THREADS -I "$source/include" -I "$source/src" -o "$1" "$here/libargon2.c" \
    "$source"/src/{argon2,core,encoding,opt,blake2/blake2b}.c
