#!/usr/bin/env bash
# Makes vectors.jsonl anew. See README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for each in old new; do python3 -m venv "$work/$each"; done
"$work/old/bin/pip" install -q passlib==1.7.4 bcrypt==4.0.1 setuptools==65.5.0
"$work/new/bin/pip" install -q libpass==1.9.4 bcrypt==5.0.0 Django==5.2.19 Werkzeug==3.1.9 argon2-cffi==25.1.0
(cd "$work" && npm init -y >/dev/null && npm install --silent --no-audit --ignore-scripts firebase-scrypt@2.2.0)
{
    "$work/old/bin/python" "$here/of_passlib.py" passlib
    "$work/new/bin/python" "$here/of_passlib.py" libpass
    NODE_PATH="$work/node_modules" "$work/new/bin/python" "$here/make.py"
} > "$here/vectors.jsonl"
wc -l "$here/vectors.jsonl"
