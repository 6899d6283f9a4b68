#!/usr/bin/env bash
# Completion in real shells: verbs, flags, resources, namespaces, names and indexes, from the region; nothing where there is no agent.
. "$(dirname "$0")/lib.sh"
up 60 0
scripts=$(cd "$(dirname "$0")/../../tools/completions" && pwd)
export PATH=$bin:$PATH
pod=$("$bin/tarn" get pods -A --no-headers | awk 'NR == 1 { print $1 "/" $2 }')
ns=${pod%%/*} name=${pod##*/}
names=$("$bin/tarn" get pods -n "$ns" -o custom-columns=N:.metadata.name --no-headers | LC_ALL=C sort | xargs)
namespaces=$("$bin/tarn" get pods -A -o 'jsonpath={range .items[*]}{.metadata.namespace}{"\n"}{end}' | LC_ALL=C sort -u)
node=$("$bin/tarn" get pods -A -o 'jsonpath={.items[0].spec.nodeName}')

# What every shell has to offer for a line that ends where the cursor is: LINE|EXPECTED (in order of bytes; "has:" one among others).
cat >"$run/lines" <<LINES
tarn |events get index snapshot status top verify
tarn st|status
tarn get --no|--no-headers
tarn get --watch|--watch --watch-only
tarn top --|--help --interval --once --realm --socket --timeout
tarn get po|pods
tarn get end|endpointslices endpointslices.discovery.k8s.io
tarn get pods,no|pods,nodes
tarn get pods -n $ns |$names
tarn get -n $ns pods ${name%?}|$name
tarn get -n $ns pod/${name%?}|pod/$name
tarn get pods $name -n ${ns%?}|$(echo "$namespaces" | grep "^${ns%?}" | xargs)
tarn get pods -o js|json jsonpath-file= jsonpath=
tarn status -o |json
tarn index nod|nodes
tarn index pods spec.n|spec.nodeName=
tarn get pods --index spec.nodeName=${node%?}|has:spec.nodeName=$node
tarn verify |
tarn get pods --socket $run/nobody |
tarn get --socket $run/nobody |
tarnd --log-l|--log-level
tarnd --resource pods --print|--print-config
tarnd --log-level |debug error info warn
tarnd --log-level=de|--log-level=debug
tarnd --gzip=|--gzip=false --gzip=true
tarnd --server |
tarnd --xyz|
LINES

# Only the text behind the last of bash's word breaks is what bash puts in; the others give the whole word.
in_bash() {
    bash --norc -c '
        COMP_WORDBREAKS=$'"' \t\n\"'\\''><=;|&(:'"'
        source "$1"
        compopt() { :; }
        COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
        _tarn
        current=${2##* } tail=${current%"${current##*[=:]}"}
        printf "%s\n" "${COMPREPLY[@]/#/$tail}"' _ "$scripts/tarn.bash" "$1" 2>&1
}
in_fish() {
    fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$scripts/tarn.fish" "$1" 2>&1 | cut -f1
}
# zsh completes in a terminal of its own: zpty; what it would list is taken where _describe is called.
in_zsh() {
    zsh -f -c '
        compadd() { : }
        _files() { print -r -- :files }
        _describe() { local -a list; list=(${(P)4}); print -rl -- ${list%%:*} }
        words=(${(z)2}); [[ $2 == *" " ]] && words+=("")
        CURRENT=$#words
        source $1' _ "$scripts/_tarn" "$1" 2>&1
}

compare() { # SHELL LINE EXPECTED
    local got
    got=$("in_$1" "$2" | grep -v '^$' | LC_ALL=C sort -u | xargs)
    case "$3" in
    has:*) case " $got " in *" ${3#has:} "*) ok ;; *) bad "$1: '$2' offers '$got' without '${3#has:}'" ;; esac ;;
    *) check "$1: '$2'" "$3" "$got" ;;
    esac
}
for shell in bash zsh fish; do
    command -v $shell >/dev/null || { echo "SKIPPED: $shell is not installed"; continue; }
    while IFS='|' read -r line expected; do compare $shell "$line" "$expected"; done <"$run/lines"
done

# In a real, interactive shell: Tab writes the rest of the word.
if command -v tmux >/dev/null; then
    tm() { tmux -L "tarn-test-$$" -f /dev/null "$@"; }
    trap 'tm kill-server 2>/dev/null; cleanup' EXIT
    types_the_rest() { # SHELL COMMAND-THAT-STARTS-IT
        command -v "$1" >/dev/null || return 0
        tm new-session -d -s "$1" -x 150 -y 20 "$2" || { bad "tmux"; return; }
        for _ in $(seq 100); do tm capture-pane -t "$1" -p | grep -q READY && break; sleep 0.1; done
        tm send-keys -t "$1" "tarn get -n $ns pods ${name%??}" Tab
        for _ in $(seq 100); do tm capture-pane -t "$1" -p | grep -qF "pods $name" && { ok; return; }; sleep 0.1; done
        bad "$1: Tab did not complete the name: $(tm capture-pane -t "$1" -p | head -n 5)"
    }
    printf 'source %s/tarn.bash\nPS1="READY "\n' "$scripts" >"$run/bashrc"
    types_the_rest bash "bash --rcfile $run/bashrc -i"
    mkdir -p "$run/zdot"
    printf 'fpath=(%s $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1="READY "\n' "$scripts" >"$run/zdot/.zshrc"
    types_the_rest zsh "env ZDOTDIR=$run/zdot zsh -i"
    mkdir -p "$run/fish/fish"
    printf 'source %s/tarn.fish\nfunction fish_prompt; echo -n "READY "; end\nfunction fish_greeting; end\n' "$scripts" >"$run/fish/fish/config.fish"
    types_the_rest fish "env XDG_CONFIG_HOME=$run/fish fish -i"
else
    echo "SKIPPED: tmux is not installed: no interactive shell"
fi
check "nothing is said without an agent" "" "$("$bin/tarn" __complete get --socket "$run/nobody" "" 2>&1)"
check "a file is asked of the shell" ":files" "$("$bin/tarn" __complete get --socket "")"
check "no words" "" "$("$bin/tarn" __complete 2>&1)"
check "a file for tarnd, too" ":files" "$("$bin/tarnd" __complete --config "")"
check "and where a key names one" ":files" "$("$bin/tarnd" __complete --ca-file x)"
check "every flag of --help is offered" "$("$bin/tarnd" --help | grep -oE '^  --[a-z0-9-]+' | tr -d ' ' | LC_ALL=C sort | xargs)" "$("$bin/tarnd" __complete "" | cut -f1 | LC_ALL=C sort | xargs)"
finish
