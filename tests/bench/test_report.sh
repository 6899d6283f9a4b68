#!/usr/bin/env bash
# The page that tools/bench writes: targets, growth, tables, plots, what was skipped; and --compare, which fails for what got slower.
#
#   test_report.sh SOURCE-DIR BIN-DIR
set -uo pipefail
source=$1 bin=$2
run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
passed=0 failed=0
check() { # WHAT EXPECTED GOT
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAILED  $1: expected '$2', got '$3'"
    fi
}
cd "$source" || exit 1

row() { printf '{"part":"%s","who":"%s","what":"%s","n":%s,"value":%s,"unit":"%s"}' "$@"; }
figures() { # THE VALUE OF TARN'S GET AT A MILLION
    cat <<EOF
{"figures":[$(row region tarn "get p50" 1000 60 ns),$(row region tarn "get p50" 1000000 "$1" ns),
$(row region lmdb "get p50" 1000 200 ns),$(row region lmdb "get p50" 1000000 900 ns),
$(row fleet tarn "memory of all" 1 30 MiB),$(row fleet tarn "memory of all" 100 300000 MiB),
$(row newpart tarnd "events" 7 500000 /s)],
"targets":[{"part":"region","who":"tarn","what":"get p50","n":1000000,"rival":"lmdb","seen":3.2,"asked":4,"missed":true},
{"part":"region","who":"tarn","what":"snapshot","n":1000,"unit":"ns","seen":15,"asked":40,"missed":false},
{"part":"region","who":"tarn","what":"told only","n":1,"rival":"lmdb","seen":1,"asked":0,"missed":false}],
"notes":["region: SKIPPED LMDB: built without \"it\"","region: 1000 objects"]}
EOF
}
figures 280 >"$run/old.json"
figures 300 >"$run/same.json"
figures 420 >"$run/slow.json"
echo "SKIPPED client-go: there is no Go here" >"$run/notes"
report() { python3 tools/tarn-bench/report.py --out "$run/out" --notes "$run/notes" --load 0.5 --seconds 9 "$@"; }
has() { grep -qF -- "$1" "$run/out/benchmarks.md" && echo yes || echo no; }

report --figures "$run/old.json" >/dev/null
check "a page is written" 0 $?
check "targets are counted, without what is only told" yes "$(has '1 of 2 met')"
check "a missed ratio" yes "$(has '| region: tarn, get p50 | 1,000,000 | 4.00 × lmdb | 3.20 × | **missed** |')"
check "a limit that is met" yes "$(has '| region: tarn, snapshot | 1,000 | ≤ 40.0 ns | 15.0 ns | yes |')"
check "a ratio without target is told" yes "$(has '| region: tarn, told only | 1 | lmdb | 1.00 × |')"
check "a figure at two sizes is one line" yes "$(has '| get p50 | tarn | 60.0 | 280 | ns |')"
check "the slope of a get: 60 to 280 over three decades" yes "$(has '| 60.0 to 280 ns | +0.22 | 0.35 | as expected |')"
check "memory that grows by the square is told" yes "$(has '| 30.0 to 300,000 MiB | +2.00 | 0.20 | **steeper** |')"
check "a part that the program does not know has a section" yes "$(has '## newpart')"
check "what was skipped, from the program" yes "$(has 'SKIPPED LMDB: built without "it"')"
check "and from the script" yes "$(has 'SKIPPED client-go: there is no Go here')"
check "other notes are not told" no "$(has '1000 objects')"
if command -v gnuplot >/dev/null; then
    check "a plot" yes "$(grep -q '<svg' "$run/out/plots/get-p50.svg" && echo yes || echo no)"
    check "that the page shows" yes "$(has '(plots/get-p50.svg)')"
else
    echo "SKIPPED: no gnuplot: the plots"
fi

report --figures "$run/same.json" --compare "$run/old.json" >"$run/text"
check "a little slower is no failure" 0 $?
report --figures "$run/slow.json" --compare "$run/old.json" >"$run/text"
check "half as slow again is" 3 $?
check "and it is named" 1 "$(grep -c 'get p50 .*1000000 .*slower 1.50 x  <--' "$run/text")"
report --figures "$run/old.json" --compare "$run/slow.json" >"$run/text"
check "faster is none" 0 $?
check "but told" 1 "$(grep -c 'faster 1.50 x' "$run/text")"
report --figures "$run/nowhere.json" 2>"$run/text"
check "a file that is not there" 1 $?
check "is named" 1 "$(grep -c 'nowhere.json' "$run/text")"

"$bin/tarn-bench" nonsense >/dev/null 2>"$run/text"
check "an unknown part" 2 $?
check "is named" 1 "$(grep -c "no part is called 'nonsense'" "$run/text")"
"$bin/tarn-bench" --json "$run/none/x.json" floors >/dev/null 2>"$run/text"
check "figures that cannot be written are told before the run" 1 $?
"$bin/tarn-bench" --quick --json "$run/floors.json" floors >/dev/null
check "a run" 0 $?
report --figures "$run/floors.json" --quick
check "makes a page" 0 $?
check "with its rows" yes "$(has 'bare walk of MessagePack')"

tools/bench --nonsense >/dev/null 2>&1
check "tools/bench: an unknown option" 2 $?
tools/bench --compare "$run/none.json" >"$run/text" 2>&1
check "tools/bench: figures to compare that are not there" 1 $?
check "are named, before anything is built" 1 "$(grep -c "cannot read .*none.json" "$run/text")"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
