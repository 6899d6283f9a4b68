#!/usr/bin/env bash
# What is installed is enough: staged with DESTDIR, found by pkg-config and by find_package, shared and static, in C and C++; each
# program is compiled, linked and run. And the library shows nothing but what is public.
set -u
build=$(cd "$1" && pwd) here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
run=$(mktemp -d "${TMPDIR:-/tmp}/tarn-install.XXXXXX")
trap 'rm -rf "$run"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAILED: $*"; }
check() { if [ "$2" = "$3" ]; then ok; else bad "$1: expected '$2', got '$3'"; fi; }
# good WHAT COMMAND...
good() {
    local what=$1
    shift
    if "$@" >"$run/log" 2>&1; then ok; else bad "$what: $(tail -n 6 "$run/log")"; fi
}
# attaches WHAT PROGRAM [LIBRARY-PATH]: it runs, and says in libtarn's words that there is no agent
attaches() {
    LD_LIBRARY_PATH=${3-} TARN_SOCKET=$run/nobody "$2" pods a/b spec >"$run/log" 2>&1
    check "$1: exit code" 1 $?
    grep -q "no such socket" "$run/log" && ok || bad "$1: $(head -n 3 "$run/log")"
}

if nm -D "$build/lib/libtarn.so" | grep -qE '__asan_|__tsan_|__ubsan_'; then
    echo "SKIPPED: a sanitizer build cannot be linked by a plain compiler"
    exit 0
fi

good "DESTDIR installs" env DESTDIR="$run/stage" cmake --install "$build"
prefix=$run/stage$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
check "nothing is installed elsewhere" "" "$(find "$run/stage" -type f ! -path "$prefix/*")"
for f in bin/tarn sbin/tarnd include/tarn/tarn.h include/tarn/store.h share/bash-completion/completions/tarn share/bash-completion/completions/tarnd share/zsh/vendor-completions/_tarn \
    share/fish/vendor_completions.d/tarn.fish lib/sysusers.d/tarn.conf etc/tarn/tarn.yaml; do
    [ -s "$prefix/$f" ] && ok || bad "$f is not installed"
done
good "the installed tarn runs" "$prefix/bin/tarn" --version
good "the installed tarnd runs" "$prefix/sbin/tarnd" --version
lib=$(dirname "$(find "$prefix" -name libtarn.so.1 | head -n 1)")
export PKG_CONFIG_PATH=$lib/pkgconfig
cp "$source/client/examples/get.c" "$run/get.c"
check "pkg-config knows the version" "$("$build/bin/tarn" --version)" "tarn $(pkg-config --modversion tarn)"

for cc in "cc -std=c17 -Wall -Wextra -Werror" "c++ -x c++ -w -fpermissive"; do
    command -v "${cc%% *}" >/dev/null || { echo "SKIPPED: ${cc%% *} is not installed"; continue; }
    # shellcheck disable=SC2046,SC2086
    good "pkg-config, shared: $cc" $cc "$run/get.c" -o "$run/get" $(pkg-config --cflags --libs tarn)
    attaches "pkg-config, shared" "$run/get" "$lib"
done
# shellcheck disable=SC2046
good "pkg-config, static" cc "$run/get.c" -o "$run/get-static" $(pkg-config --cflags tarn) "$lib/libtarn.a" $(pkg-config --static --libs-only-l tarn | sed 's/-ltarn//')
attaches "pkg-config, static" "$run/get-static"
check "the static program needs no libtarn.so" 0 "$(ldd "$run/get-static" | grep -c libtarn)"

cat >"$run/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.18)
project(consumer C)
find_package(tarn 0.1 REQUIRED)
add_executable(shared get.c)
target_link_libraries(shared PRIVATE tarn::tarn)
add_executable(static get.c)
target_link_libraries(static PRIVATE tarn::tarn_static)
CMAKE
good "find_package finds it" cmake -S "$run" -B "$run/consumer" "-DCMAKE_PREFIX_PATH=$prefix"
good "and its targets link" cmake --build "$run/consumer"
attaches "find_package, shared" "$run/consumer/shared"
attaches "find_package, static" "$run/consumer/static"
check "a version that is not there is refused" 1 "$(sed -i 's/tarn 0.1/tarn 9/' "$run/CMakeLists.txt"; cmake -S "$run" -B "$run/refused" "-DCMAKE_PREFIX_PATH=$prefix" >"$run/log" 2>&1; echo $?)"

names() { nm -D --defined-only "$lib/libtarn.so" | awk '$2 != "A" {print $3}'; }
check "soname" "libtarn.so.1" "$(objdump -p "$lib/libtarn.so" | awk '/SONAME/ {print $2}')"
check "every symbol has its version" 0 "$(nm -D --defined-only --with-symbol-versions "$lib/libtarn.so" | awk '$2 != "A"' | grep -vc '@@TARN_1$')"
check "only tarn_ names are visible" "" "$(names | sed 's/@.*//' | grep -v '^tarn_')"
check "the writer is not in it" "" "$(names | grep -E '^tarn_(writer|region_store|reader|pin)_')"
check "no folder of the build is in it" 0 "$(grep -c -aF -e "$source" -e "$build" "$lib/libtarn.so.1" "$prefix/sbin/tarnd" "$prefix/bin/tarn" | awk -F: '{ n += $NF } END { print n }')"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 20 ]
