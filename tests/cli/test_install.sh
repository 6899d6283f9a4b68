#!/usr/bin/env bash
# What is installed is enough: a program is compiled with pkg-config against the installed headers and library, in C and C++,
# and the library shows nothing but what is public.
. "$(dirname "$0")/lib.sh"
build=$(cd "$bin/.." && pwd)
cmake --install "$build/client" --prefix "$run/usr" >"$run/install.log" 2>&1 || bad "install: $(tail -n 3 "$run/install.log")"
lib=$(dirname "$(find "$run/usr" -name libtarn.so.1 | head -n 1)")
export PKG_CONFIG_PATH=$lib/pkgconfig
cp "$(dirname "$0")/../../client/examples/get.c" "$run/get.c"
if nm -D "$lib/libtarn.so" | grep -qE '__asan_|__tsan_|__ubsan_'; then
    echo "SKIPPED: a sanitizer build cannot be linked by a plain compiler"
    exit 0
fi
for cc in "cc -std=c17 -Wall -Wextra -Werror" "c++ -x c++ -w -fpermissive"; do
    command -v "${cc%% *}" >/dev/null || continue
    # shellcheck disable=SC2086,SC2046
    if $cc "$run/get.c" -o "$run/get" $(pkg-config --cflags --libs tarn) 2>"$run/err"; then ok; else bad "$cc: $(head -n 5 "$run/err")"; fi
    fails 1 "no such socket" env LD_LIBRARY_PATH="$lib" TARN_SOCKET="$run/nobody" "$run/get" pods a/b spec
done
check "soname" "libtarn.so.1" "$(objdump -p "$lib/libtarn.so" | awk '/SONAME/ {print $2}')"
check "only tarn_ names are visible" "" "$(nm -D --defined-only "$lib/libtarn.so" | awk '$2 != "A" {print $3}' | grep -v '^tarn_')"
check "the writer is not in it" "" "$(nm -D --defined-only "$lib/libtarn.so" | awk '{print $3}' | grep -E '^tarn_(writer|region_store|reader|pin)_')"
finish
