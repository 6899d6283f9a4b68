# fish completion of tarn and tarnd: asks `tarn __complete`, which asks the agent of this host, or `tarnd __complete`.
function __tarn_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$answer[1]" = ":files"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $answer
    end
end
complete -c tarn -f -a '(__tarn_complete)'
complete -c tarnd -f -a '(__tarn_complete)'
