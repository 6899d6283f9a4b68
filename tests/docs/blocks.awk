# The ```sh blocks of a page as one script, its own line numbers kept: awk -f blocks.awk PAGE
# "```sh skip: REASON" is left out and needs its reason; a command that stands set in, in no block, is an error.
function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"; bad = 1 }
/^```/ {
    if (block) { if (block == "sh") printf "echo \"@done %d\"\n", FNR; block = ""; next }
    block = substr($0, 4)
    if (block ~ /^(bash|shell|console)/) complain("a block of commands is ```sh, so that a test runs it")
    else if (block ~ /^sh +skip:/) { if (block !~ /^sh +skip: +[^ ]+ [^ ]/) complain("skip: needs a reason"); else printf "echo '@skipped %d'\n", FNR; block = "skipped" }
    else if (block == "sh") printf "echo '@block %d'\n", FNR
    else if (block ~ /^sh/) complain("```sh stands alone, or before skip: REASON")
    if (!block) block = "text"
    next
}
block == "sh" { print; next }
!block && /^(    |\t)(\$ )?(tools\/[a-z]|build\/|tarnd? |kubectl |curl |cmake |sudo |systemctl |apt(-get)? |cc |docker |tests\/)/ {
    complain("a command in no ```sh block: no test runs it")
}
END { if (block) complain("a block has no end"); exit bad }
