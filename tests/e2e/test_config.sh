#!/usr/bin/env bash
# Where tarnd's configuration comes from, with the real binary: files, snippets, environment, flags; --check-config and --print-config.
. "$(dirname "$0")/lib.sh"

unset TARN_CONFIG TARN_SOCKET
say() { "$BIN/tarnd" "$@" --print-config; }
has() { # line of the configuration, arguments of tarnd
    local line=$1 out
    shift
    out=$(say "$@") || { echo "$out"; return 1; }
    grep -qE -- "^ *$line\$" <<<"$out" || { echo "$out"; return 1; }
}
mkdir -p "$W/etc/conf.d" "$W/xdg/tarn/conf.d" "$W/home/.config/tarn"
printf 'resources: [pods]\nserver: "http://127.0.0.1:1"\nlogLevel: warn\n' >"$W/etc/tarn.yaml"

# each layer over the one before, and its origin behind the value
f=$W/etc/tarn.yaml
check "the file over the default" has "logLevel: warn # $f:3:11" --config "$f"
echo 'logLevel: error' >"$W/etc/conf.d/50-level.yaml"
check "a snippet over the file" has "logLevel: error # $W/etc/conf.d/50-level.yaml:1:11" --config "$f"
echo 'logLevel: info' >"$W/etc/conf.d/60-level.yaml"
check "a later snippet over an earlier one" has "logLevel: info # $W/etc/conf.d/60-level.yaml:1:11" --config "$f"
export TARN_LOG_LEVEL=debug
check "the environment over snippets" has "logLevel: debug # \\\$TARN_LOG_LEVEL" --config "$f"
check "a flag over the environment" has "logLevel: warn # --log-level" --config "$f" --log-level warn
unset TARN_LOG_LEVEL
check "defaults are told too" has "maxClients: 1024 # default" --config "$f"
check "the file can be named by the environment" env TARN_CONFIG="$f" "$BIN/tarnd" --check-config
TARN_CONFIG=$f check "and is then the one" has "logLevel: info # $W/etc/conf.d/60-level.yaml:1:11"
echo 'resources: [nodes, {name: services, slots: [spec.clusterIP]}]' >"$W/etc/conf.d/70-more.yaml"
check "lists grow" test "$(say --config "$f" --resource namespaces | grep -cE '^ +- name: "(pods|nodes|services|namespaces)"')" = 4

# what is printed is a file that says the same
say --config "$f" >"$W/again.yaml"
check "what is printed is a configuration" "$BIN/tarnd" --config "$W/again.yaml" --conf-dir "$W/home" --check-config
strip() { sed -e 's/ # .*//' -e '/^#/d'; }
check "the same one" cmp <(strip <"$W/again.yaml") <(say --config "$W/again.yaml" --conf-dir "$W/home" | strip)

# users: $XDG_CONFIG_HOME, else ~/.config; not for root
if [ "$(id -u)" = 0 ]; then
    chmod -R go+rX "$W"
    user() { env -u XDG_CONFIG_HOME HOME="$W/home" setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
else
    user() { env -u XDG_CONFIG_HOME HOME="$W/home" "$@"; }
fi
printf 'resources: [pods]\nmaxClients: 11\n' >"$W/home/.config/tarn/tarn.yaml"
printf 'resources: [pods]\nmaxClients: 12\n' >"$W/xdg/tarn/tarn.yaml"
printf 'pageSize: 7\n' >"$W/xdg/tarn/conf.d/a.yaml"
chmod -R go+rX "$W"
check "a user's file" grep -qF "maxClients: 11 # $W/home/.config/tarn/tarn.yaml:2:13" <(user "$BIN/tarnd" --print-config)
check "XDG_CONFIG_HOME" grep -qF "maxClients: 12 # $W/xdg/tarn/tarn.yaml:2:13" <(user env XDG_CONFIG_HOME="$W/xdg" "$BIN/tarnd" --print-config)
check "its snippets" grep -qF "pageSize: 7 # $W/xdg/tarn/conf.d/a.yaml:1:11" <(user env XDG_CONFIG_HOME="$W/xdg" "$BIN/tarnd" --print-config)
if [ "$(id -u)" = 0 ]; then
    check "root has none" test "$(HOME=$W/home say --resource pods | grep -c "$W/home")" = 0
fi

# mistakes: exit 2, file:line:column, what was probably meant
status_of() { "$@" >/dev/null 2>&1; echo $?; }
check "a configuration that is right" test "$("$BIN/tarnd" --config "$f" --check-config)" = "configuration ok"
echo 'bugdet: 1GiB' >"$W/etc/conf.d/80-typo.yaml"
check "a wrong one ends with 2" test "$(status_of "$BIN/tarnd" --config "$f" --check-config)" = 2
check_refused "a mistyped key" "80-typo.yaml:1:1: unknown key 'bugdet'; did you mean 'budget'?" "$BIN/tarnd" --config "$f" --check-config
echo 'budget: yes' >"$W/etc/conf.d/80-typo.yaml"
check_refused "a wrong type" "80-typo.yaml:1:9: expected a size" "$BIN/tarnd" --config "$f" --check-config
printf 'maxClients: 1\nmaxClients: 2\n' >"$W/etc/conf.d/80-typo.yaml"
check_refused "a key given twice" "80-typo.yaml:2:1: key 'maxClients' is given twice" "$BIN/tarnd" --config "$f" --check-config
echo 'resources: [{name: services, slots: [spec.type]}]' >"$W/etc/conf.d/80-typo.yaml"
check_refused "a contradiction names both places" "80-typo.yaml:1:13: 'services' contradicts $W/etc/conf.d/70-more.yaml:1:20: they differ in 'slots'" "$BIN/tarnd" --config "$f" --check-config
rm "$W/etc/conf.d/80-typo.yaml"
check_refused "a mistyped flag" "unknown flag --log-levle; did you mean --log-level?" "$BIN/tarnd" --log-levle debug
check_refused "a mistyped variable" "unknown environment variable \$TARN_LOG_LEVL; did you mean \$TARN_LOG_LEVEL?" env TARN_LOG_LEVL=debug "$BIN/tarnd" --config "$f" --check-config
check "which ends with 2" test "$(status_of env TARN_LOG_LEVL=debug "$BIN/tarnd" --config "$f" --check-config)" = 2
check_refused "a wrong value in the environment" "\$TARN_MAX_CLIENTS: expected a whole number" env TARN_MAX_CLIENTS=many "$BIN/tarnd" --config "$f" --check-config
check_refused "a file that is not there" "cannot read $W/none.yaml: No such file" "$BIN/tarnd" --config "$W/none.yaml" --check-config
check_refused "a directory that is not there" "cannot read $W/none.d" "$BIN/tarnd" --config "$f" --conf-dir "$W/none.d" --check-config

# --help says the order loudly
check "--help says what wins" grep -q 'FLAGS WIN OVER THE ENVIRONMENT' <("$BIN/tarnd" --help)
