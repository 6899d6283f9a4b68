/* config_complete.c - what may come next on tarnd's command line, for the shells' completion scripts: they call `tarnd __complete WORDS...`.
 *
 * One candidate a line, a tab and what it is; ":files" asks the shell for file names.
 */
#include <stdio.h>
#include <string.h>

#include "config_keys.h"

static int offer(struct tarn_buf *out, const char *prefix, const char *word, const char *help)
{
    return strncmp(word, prefix, strlen(prefix)) == 0 ? tarn_buf_addf(out, "%s\t%s\n", word, help) : 0;
}

static bool is_path(const char *form)
{
    return form && (strcmp(form, "FILE") == 0 || strcmp(form, "DIR") == 0 || strcmp(form, "PATH") == 0);
}

/* The words of "text|json" that begin so, each behind `before` ("--flag=" or nothing). */
static int offer_words(struct tarn_buf *out, const char *form, const char *before, const char *prefix)
{
    char word[128];
    int rc = 0;

    while (!rc && *form) {
        size_t n = strcspn(form, "|");

        if (strncmp(form, prefix, strlen(prefix)) == 0 && n >= strlen(prefix)) {
            (void)snprintf(word, sizeof word, "%s%.*s", before, (int)n, form);
            rc = tarn_buf_addf(out, "%s\n", word);
        }
        form += n + (form[n] == '|');
    }
    return rc;
}

static int offer_values(struct tarn_buf *out, enum tarn_config_kind kind, const char *form, const char *before, const char *prefix)
{
    if (kind == TARN_CONFIG_WORD)
        return offer_words(out, form, before, prefix);
    if (kind == TARN_CONFIG_BOOL)
        return offer_words(out, "true|false", before, prefix);
    return is_path(form) ? tarn_buf_adds(out, ":files\n") : 0;
}

/* The key whose flag is the first n bytes of word, NULL: none. */
static const struct tarn_config_key *key_of_flag(const char *word, size_t n)
{
    char name[TARN_CONFIG_NAME_BYTES];
    const struct tarn_config_key *k;

    for (size_t i = 0; n > 2 && (k = tarn_config_key(i)); i++)
        if (tarn_config_flag_name(k, name) && strlen(name) == n - 2 && strncmp(word + 2, name, n - 2) == 0)
            return k;
    return NULL;
}

static int offer_flags(struct tarn_buf *out, const struct tarn_config_action *actions, size_t nactions, const char *prefix)
{
    char name[TARN_CONFIG_NAME_BYTES], flag[TARN_CONFIG_NAME_BYTES + 2];
    const struct tarn_config_key *k;
    int rc = 0;

    for (size_t i = 0; !rc && i < nactions; i++) {
        (void)snprintf(flag, sizeof flag, "--%s", actions[i].name);
        rc = offer(out, prefix, flag, actions[i].help);
    }
    for (size_t i = 0; !rc && (k = tarn_config_key(i)); i++) {
        if (!tarn_config_flag_name(k, name))
            continue;
        (void)snprintf(flag, sizeof flag, "--%s", name);
        rc = offer(out, prefix, flag, k->help);
    }
    return rc;
}

/* The action that takes a value and is `word`. */
static const struct tarn_config_action *action_of(const struct tarn_config_action *actions, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (actions[i].arg && strncmp(word, "--", 2) == 0 && strcmp(word + 2, actions[i].name) == 0)
            return &actions[i];
    return NULL;
}

int tarn_config_offer(const struct tarn_config_action *actions, size_t nactions, int argc, char *const *argv, struct tarn_buf *out)
{
    const char *word = argc > 0 ? argv[argc - 1] : "", *before = argc > 1 ? argv[argc - 2] : "", *eq = strchr(word, '=');
    const struct tarn_config_action *action = action_of(actions, nactions, before);
    const struct tarn_config_key *k = key_of_flag(before, strlen(before));
    char text[TARN_CONFIG_NAME_BYTES + 3];

    if (action)
        return is_path(action->arg) ? tarn_buf_adds(out, ":files\n") : 0;
    if (k && k->kind != TARN_CONFIG_BOOL) /* a bool takes its value with = */
        return offer_values(out, k->kind, k->form, "", word);
    k = eq ? key_of_flag(word, (size_t)(eq - word)) : NULL;
    if (k) {
        (void)snprintf(text, sizeof text, "%.*s=", (int)(eq - word), word);
        return is_path(k->form) ? 0 : offer_values(out, k->kind, k->form, text, eq + 1);
    }
    return offer_flags(out, actions, nactions, word);
}
