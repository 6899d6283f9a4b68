#!/usr/bin/env bash
# The Python package as its users get it: the library installed, a wheel and an sdist built, the wheel unpacked where Python finds it,
# the tests and the examples run against a real agent.
#
#     test_python.sh FOLDER-OF-BINARIES BUILD-FOLDER [--bench]      --bench: what a get costs at 100,000 pods, and no tests
here=$(cd "$(dirname "$0")" && pwd)
source=$here/../../client/python
build=$(cd "${2:?usage: $0 FOLDER-OF-BINARIES BUILD-FOLDER [--bench]}" && pwd)
bench=${3-}
set -- "$(cd "$1" && pwd)"

# A Python that can build extensions: the system's, or the first in PATH.
python=
for p in /usr/bin/python3 python3; do
    "$p" -c 'import os, sys, sysconfig, setuptools, wheel
sys.exit(sys.version_info < (3, 11) or not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' 2>/dev/null && { python=$p; break; }
done
[ -n "$python" ] || { echo "SKIPPED: no Python 3.11 with headers, setuptools and wheel (python3-dev python3-setuptools python3-wheel)"; exit 0; }

. "$here/../e2e/lib.sh"
cd "$W" || exit 1
DESTDIR=$W/root cmake --install "$build" >install.log 2>&1 || { bad "the library does not install"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$W/root" -name tarn.pc)")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH

cp -r "$source" package
(cd package && CFLAGS="-Wall -Wextra -Werror -Wno-missing-field-initializers" "$python" setup.py -q sdist bdist_wheel) >wheel.log 2>&1
check "a wheel of the stable ABI is built" test -f package/dist/tarn-*-cp311-abi3-*.whl
check "an sdist has all that a build needs" test "$(tar tzf package/dist/tarn-*.tar.gz | grep -cE '/src/native.h|/src/module.c|/tarn/__init__.pyi|/examples/')" -ge 4
(cd package && env -u PKG_CONFIG_PATH PKG_CONFIG_LIBDIR=/nowhere "$python" setup.py -q bdist_wheel) >nolib.log 2>&1
check "without the library the build says what to install" grep -q "libtarn-dev" nolib.log
"$python" -m zipfile -e package/dist/tarn-*.whl site || { bad "the wheel does not unpack"; exit 1; }
if "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip install -q --no-index --no-build-isolation --no-deps --target from-sdist package/dist/tarn-*.tar.gz >pip.log 2>&1
    check "pip installs the sdist" test -f from-sdist/tarn/_native.abi3.so
fi
export PYTHONPATH=$W/site

start_sim --generate "pods=$([ -n "$bench" ] && echo 100000 || echo 200),nodes=10,services=20,configmaps=5" --churn 0
cat >c.yaml <<'YAML'
resources:
  - {name: pods, drop: [], indexes: [namespace, spec.nodeName]}
  - {name: nodes, drop: []}
  - {name: services, drop: []}
  - {name: configmaps, drop: []}
YAML
budget=${bench:+2GiB}
[ -n "$budget" ] || unset budget
start_agent --config c.yaml --server "$url"
eventually "the agent syncs" all_synced pods nodes services configmaps
export TEST_SIM=$url
if [ -n "$bench" ]; then
    "$python" "$here/bench.py"
    exit
fi
if "$python" -X dev -W error::ResourceWarning "$here/test_tarn.py" >tests.log 2>&1; then
    passed=$((passed + $(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' tests.log)))
else
    bad "the package's tests"
fi
for example in "$source"/examples/*.py; do
    timeout 60 "$python" "$example" >"example-$(basename "$example").log" 2>&1
    check "$(basename "$example") runs" test $? = 0 -a -s "example-$(basename "$example").log"
done
