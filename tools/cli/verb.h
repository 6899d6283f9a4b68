/* The table of verbs (main.c), and who reads it besides main: completion. */
#ifndef TARN_CLI_VERB_H
#define TARN_CLI_VERB_H

#include <stddef.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *synopsis;
    const char *what;
    const char *options; /* lines of help */
};

extern const char verb_attach_help[]; /* the options that every verb takes */

/* The n-th verb, NULL behind the last; the verb of a name, NULL: there is none. */
const struct verb *verb_at(size_t n);
const struct verb *verb_find(const char *name);

/*
 * tarn __complete WORD...: what the last word could become, a line each: the word, a tab, what it is. ":files" alone: a file's name.
 * For the shells' completion scripts: quick, silent, and nothing at all where there is no agent. Always CLI_OK. (complete.c)
 */
int complete(int argc, char **argv);

#endif
