# bash completion of tarn and tarnd: asks `tarn __complete`, which asks the agent of this host, or `tarnd __complete`.
_tarn() {
    local line=${COMP_LINE:0:COMP_POINT} words current candidate tail
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        if [[ $candidate == :files ]]; then
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
        fi
        COMPREPLY+=("$candidate")
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    # bash replaces only what follows the last of its word breaks.
    tail=${current%"${current##*[=:]}"}
    [[ -z $tail ]] || COMPREPLY=("${COMPREPLY[@]#"$tail"}")
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[=/,] ]] || compopt -o nospace
}
complete -o nosort -F _tarn tarn tarnd
