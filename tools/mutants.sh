#!/usr/bin/env bash
# Changes engine/metadata, engine/store and engine/index in small ways, a mutant each, and tells
# what share of a random sample the tests kill. Works on what is committed, in build/mutants.
#
#   tools/mutants.sh [SAMPLE=600] [SEED=0]
set -euo pipefail
cd "$(dirname "$0")/.."
sample=${1:-600} seed=${2:-0}
here=$PWD/build/mutants tree=$PWD/build/mutants/tree
[ -x .venv/bin/python ] || { echo "set up first: make setup" >&2; exit 1; }
if [ ! -x "$here/venv/bin/mutmut" ]; then
    # Beside the project's packages, which it shares, and not among them.
    .venv/bin/python -m venv "$here/venv"
    site=$(echo "$PWD"/.venv/lib/python3*/site-packages)
    echo "$site" > "$(echo "$here"/venv/lib/python3*/site-packages)/project.pth"
    "$here/venv/bin/pip" install --quiet mutmut==3.8.1
fi
rm -rf "$tree"
mkdir -p "$tree"
git archive HEAD | tar -x -C "$tree"
cd "$tree"
# One thread each: processes are forked, which threads of OpenMP do not survive.
export OMP_NUM_THREADS=1 QT_QPA_PLATFORM=offscreen
mutmut=$here/venv/bin/mutmut log=$here/log.txt
# Names no mutant, so that it makes them all, notes which tests reach which, and ends.
"$mutmut" run none > "$log" 2>&1 || true
if grep -q "failed to collect stats" "$log"; then
    echo "the tests have to pass first: see $log" >&2
    exit 1
fi
"$mutmut" results --all true | sed -n 's/^ *\([^ ]*\): .*/\1/p' > "$here/names.txt"
"$here/venv/bin/python" - "$here/names.txt" "$sample" "$seed" > "$here/sample.txt" <<'PYTHON'
import random, sys
names = sorted(open(sys.argv[1]).read().split())
print(*sorted(random.Random(int(sys.argv[3])).sample(names, min(int(sys.argv[2]), len(names)))), sep="\n")
PYTHON
xargs "$mutmut" run --max-children "${JOBS:-1}" < "$here/sample.txt" >> "$log" 2>&1
"$mutmut" results --all true | sed 's/^ *//' | grep -v ": not checked" > "$here/outcome.txt"
"$here/venv/bin/python" - "$here/outcome.txt" "$(wc -l < "$here/names.txt")" <<'PYTHON'
import collections, sys
found = collections.defaultdict(collections.Counter)
for line in open(sys.argv[1]):
    name, outcome = line.strip().split(": ")
    found[".".join(name.split(".")[:2])][outcome] += 1
found["all"] = sum(found.values(), collections.Counter())
for package, outcomes in found.items():
    of = sum(outcomes.values())
    dead = outcomes["killed"] + outcomes["timeout"]
    print(f"{package}: {dead} of {of} killed, {dead / of:.1%} ({dict(outcomes)})")
print(f"a sample of {sys.argv[2]} mutants; each of them stands in build/mutants/outcome.txt")
PYTHON
