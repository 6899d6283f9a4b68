/* selector_build.h - private: requirements put together one by one, then compiled into a selector.
 *
 * The text parser (selector_parse.c) and the API's LabelSelector (selector_api.c) both end here, so validity and
 * the compiled form have one owner. Everything in a builder is borrowed until _finish copies it.
 */
#ifndef TARN_SELECTOR_BUILD_H
#define TARN_SELECTOR_BUILD_H

#include <tarn/selector.h>

enum tarn_selector_op {
    TARN_SELECT_EQUALS,
    TARN_SELECT_DOUBLE_EQUALS,
    TARN_SELECT_NOT_EQUALS,
    TARN_SELECT_IN,
    TARN_SELECT_NOT_IN,
    TARN_SELECT_EXISTS,
    TARN_SELECT_DOES_NOT_EXIST,
    TARN_SELECT_GREATER_THAN,
    TARN_SELECT_LESS_THAN,
};

struct tarn_requirement {
    struct tarn_bytes key;
    enum tarn_selector_op op;
    size_t order;  /* as given: equal keys stay in this order */
    size_t nvalues;
    size_t values_at;                /* in a builder: the first value's place */
    const struct tarn_bytes *values; /* in a selector: sorted, each once */
    int64_t number;                  /* of > and < */
};

struct tarn_selector_builder {
    struct tarn_requirement *requirements;
    size_t n, cap;
    struct tarn_bytes *values;
    size_t nvalues, values_cap;
};

/* Open a requirement; the values that follow are its own. 0 or TARN_E_NOMEM. */
int tarn_selector_builder_open(struct tarn_selector_builder *b, struct tarn_bytes key, enum tarn_selector_op op);
int tarn_selector_builder_value(struct tarn_selector_builder *b, struct tarn_bytes value);
/*
 * Is the requirement opened last a valid one? NULL, or what is wrong with it. Source: labels.NewRequirement.
 */
const char *tarn_selector_builder_problem(const struct tarn_selector_builder *b);
/* Compile: sorted by key, values sorted, all copied. 0 or TARN_E_NOMEM. */
int tarn_selector_builder_finish(const struct tarn_selector_builder *b, const struct tarn_selector **ret);
void tarn_selector_builder_release(struct tarn_selector_builder *b);

/* The label of this key in a map of labels (NULL, or no map: none). False: it is not there. */
bool tarn_label_in(const struct tarn_value *labels, struct tarn_bytes key, struct tarn_bytes *ret);

/* What is wrong with a label's key or value (Z-8); NULL: nothing. */
const char *tarn_label_key_problem(struct tarn_bytes key);
const char *tarn_label_value_problem(struct tarn_bytes value);

#endif
