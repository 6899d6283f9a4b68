#!/usr/bin/env bash
# The manual pages render without a warning, and tell of every flag that the programs have. Usage: test_manuals.sh BUILD-DIR
set -u
build=$(cd "$1" && pwd)
run=$(mktemp -d "${TMPDIR:-/tmp}/tarn-manuals.XXXXXX")
trap 'rm -rf "$run"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAILED: $*"; }
[ -e "$build/docs/man/tarnd.8" ] || { echo "SKIPPED: no manual pages were made: lowdown or python3 is not installed"; exit 0; }
man=1 mandoc=1
command -v man >/dev/null || { man=0; echo "SKIPPED: man is not installed: no rendering by groff"; }
command -v mandoc >/dev/null || { mandoc=0; echo "SKIPPED: mandoc is not installed: no lint"; }

gunzip -c "$build"/docs/man/man3/tarn_client_open.3.gz | grep -q '^.so man3/tarn_client.h.3' && ok || bad "tarn_client_open(3) leads nowhere"
for page in "$build"/docs/man/*.[1358] "$build"/docs/man/man3/*.h.3.gz; do
    name=$(basename "$page")
    warnings=""
    [ $man = 0 ] || warnings=$(MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" 2>&1 >"$run/page")
    [ $mandoc = 0 ] || warnings+=$(mandoc -Tlint -W warning "$page" 2>&1)
    [ -z "$warnings" ] && ok || bad "$name: $(echo "$warnings" | head -n 5)"
    [ $man = 0 ] || { grep -q '^NAME' "$run/page" && [ "$(wc -l <"$run/page")" -gt 10 ] && ok || bad "$name renders as nothing"; }
done

text() { sed 's/\\-/-/g; s/\\f.//g; s/\\&//g; s/\\_/_/g' "$build/docs/man/$1"; }
text tarnd.8 >"$run/tarnd"
text tarn.yaml.5 >>"$run/tarnd"
"$build/bin/tarnd" --help | grep -oE '^ *--[a-z0-9-]+' | tr -d ' ' | sort -u >"$run/flags"
[ "$(wc -l <"$run/flags")" -gt 20 ] && ok || bad "tarnd --help names only $(wc -l <"$run/flags") flags"
while read -r flag; do grep -qF -e "$flag" "$run/tarnd" && ok || bad "neither tarnd(8) nor tarn.yaml(5) tells of $flag"; done <"$run/flags"
text tarn.1 >"$run/tarn"
for verb in $("$build/bin/tarn" __complete "" | cut -f1); do
    grep -q "tarn $verb" "$run/tarn" && ok || bad "tarn(1) does not tell of tarn $verb"
    "$build/bin/tarn" "$verb" --help | grep -oE -e '--[a-z-]+' | sort -u >"$run/flags"
    while read -r flag; do grep -qF -e "$flag" "$run/tarn" && ok || bad "tarn(1) does not tell of tarn $verb $flag"; done <"$run/flags"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 50 ]
