/* tarn - look at the mirrored state of a cluster. One table of verbs; a verb is a function and a row. */
#include "cli.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

const char verb_attach_help[] =
    "  --socket PATH      the agent's socket (default: $TARN_SOCKET, else " TARN_CLIENT_SOCKET_DEFAULT ")\n"
    "  --realm NAME       the realm to attach to (default: $TARN_REALM, else " TARN_CLIENT_REALM_DEFAULT ")\n"
    "  --timeout SECONDS  how long to wait for the agent's answer (default 5)\n"
    "  -h, --help         explain the verb\n";

static const char exit_help[] =
    "Exit codes: 0 done; 1 no answer (not found, unknown resource or index, bad selector); 2 usage;\n"
    "3 cannot attach (no agent, no permission, other format); 4 the answer is no (not synced, damage found).\n";

/* What get and events have in common. */
#define SELECT_HELP                                                                      \
    "  -n, --namespace NS     this namespace (default: default)\n"                       \
    "  -A, --all-namespaces   every namespace\n"                                         \
    "  -l, --selector SEL     label selector: app=web,tier in (a,b),!old\n"              \
    "  --field-selector SEL   status.phase=Running,spec.nodeName!=n1 (any field path)\n" \
    "  -o, --output FORMAT    wide, json, yaml, name,\n"                                 \
    "                         jsonpath='{.items[*].metadata.name}', jsonpath-file=PATH,\n" \
    "                         custom-columns=NAME:.metadata.name,NODE:.spec.nodeName, custom-columns-file=PATH\n" \
    "  --no-headers           no line of headers\n"                                      \
    "  --show-labels          a column with the labels\n"                                \
    "  -L, --label-columns L  a column for each of these labels: app,tier\n"

/* The lines of options are read by complete.c too: two blanks, the flags, a word for what they take, two blanks or more, what they do. */
static const struct verb verbs[] = {
    {"get", verb_get, "get RESOURCE[,RESOURCE] [NAME...] | RESOURCE/NAME...", "show objects, in kubectl's dialect",
     SELECT_HELP
     "  --index NAME=VALUE     only objects whose index has this value: spec.nodeName=node-7\n"
     "  --sort-by FIELD        order by a field: .metadata.creationTimestamp\n"
     "  --deleted              what was deleted and is kept for a while\n"
     "  -w, --watch            go on and show every change\n"
     "  --watch-only           changes only\n"
     "On a terminal, tables are coloured (not with NO_COLOR set) and the widest cells are cut to fit; -o wide cuts nothing.\n"},
    {"events", verb_events, "events RESOURCE [NAME]", "every version of every object as it comes: ADDED, MODIFIED, DELETED",
     SELECT_HELP
     "  --watch-only           not what is there at first\n"},
    {"status", verb_status, "status", "the agent, its resources and its memory",
     "  --synced           no output; exit 0 if every resource has synced, else 4\n"
     "  -o, --output json  for machines\n"},
    {"top", verb_top, "top", "the same live: rates, clients, memory; q ends it",
     "  --interval SECONDS  between two looks (default 2); rates are those of the last interval\n"
     "  --once              print one interval and end, as it does where the output is no terminal\n"},
    {"index", verb_index, "index RESOURCE [NAME[=VALUE]]", "the indexes of a resource, the values of one, the keys of a value",
     "  --no-headers       no line of headers\n"},
    {"snapshot", verb_snapshot, "snapshot", "what a snapshot opened now would see: commit, generation, counts", ""},
    {"verify", verb_verify, "verify", "walk the whole region and name the first rule broken",
     "  --checkpoint FILE  a checkpoint instead: what it holds, how old it is, what is wrong with it\n"},
};

const struct verb *verb_at(size_t n)
{
    return n < sizeof verbs / sizeof *verbs ? &verbs[n] : NULL;
}

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

void cli_help(const char *name)
{
    const struct verb *v = verb_find(name);

    printf("tarn %s - %s\n\nUsage: tarn %s [OPTIONS]\n\nOptions:\n%s%s\n%s", v->name, v->what, v->synopsis, v->options,
           verb_attach_help, exit_help);
}

static void help(FILE *to)
{
    fputs("tarn - look at the cluster state that the agent of this host mirrors\n\nUsage:\n", to);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        fprintf(to, "  tarn %-45s %s\n", verbs[i].synopsis, verbs[i].what);
    fprintf(to, "\n`tarn VERB --help` explains one verb. Options of all:\n%s\n%s", verb_attach_help, exit_help);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct verb *v;
    char program[32];

    if (!name) {
        help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(name, "help") == 0 && argc > 2 && verb_find(argv[2])) {
        cli_help(argv[2]);
        return CLI_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(stdout);
        return CLI_OK;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("tarn " TARN_VERSION);
        return CLI_OK;
    }
    if (strcmp(name, "__complete") == 0)
        return complete(argc - 2, argv + 2);
    v = verb_find(name);
    if (name[0] == '-') {
        cli_say("options come after the verb: tarn VERB [OPTIONS]; `tarn --help` lists the verbs");
        return CLI_USAGE;
    }
    if (!v) {
        cli_say("unknown verb '%s'; `tarn --help` lists them", name);
        return CLI_USAGE;
    }
    snprintf(program, sizeof program, "tarn %s", v->name);
    argv[1] = program; /* getopt_long begins its messages with it */
    return v->run(argc - 1, argv + 1);
}
