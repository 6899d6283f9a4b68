/* tarn/selector.h - label selectors and field selectors: parse, match, print.
 *
 * A selector is compiled once, immutable, and may be used by any number of threads. Grammar, validity and printed
 * form are those of k8s.io/apimachinery pkg/labels and pkg/fields. Rows Z-1 ... Z-9.
 *
 *     app=web, tier in (front,back), !legacy, weight>5        labels
 *     status.phase=Running,spec.nodeName!=node\,7             fields
 */
#ifndef TARN_SELECTOR_H
#define TARN_SELECTOR_H

#include <stdbool.h>

#include <tarn/bytes.h>
#include <tarn/error.h>
#include <tarn/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- label selectors ------------------------------------------------------------------------ */

struct tarn_selector;

/*
 * Parse text. Empty (or blank) text selects everything. *ret is the caller's: tarn_selector_free.
 * Returns 0, TARN_E_NOMEM, or TARN_E_SELECTOR with what is wrong and at which byte. O(text), requirements are
 * sorted by key. Source: labels.Parse.
 */
TARN_API TARN_MUST_CHECK int tarn_selector_parse(struct tarn_bytes text, const struct tarn_selector **ret,
                                                 struct tarn_error *err);

/*
 * From an API LabelSelector {matchLabels, matchExpressions}. NULL or null selects nothing, {} everything.
 * TARN_E_SELECTOR names the part that is not valid. Source: metav1.LabelSelectorAsSelector.
 */
TARN_API TARN_MUST_CHECK int tarn_selector_from_label_selector(const struct tarn_value *label_selector,
                                                               const struct tarn_selector **ret,
                                                               struct tarn_error *err);

/* Free s; NULL and the two static selectors are ignored. */
TARN_API void tarn_selector_free(const struct tarn_selector *s);

/* The selector that selects everything, and the one that selects nothing. Static: never freed. */
TARN_API const struct tarn_selector *tarn_selector_everything(void);
/* The selector that selects nothing. Static: never freed. */
TARN_API const struct tarn_selector *tarn_selector_nothing(void);

/* Has s no requirement, so that it selects everything? A NULL selector counts as everything. */
TARN_API bool tarn_selector_is_everything(const struct tarn_selector *s);
/* Is it the one that selects nothing? */
TARN_API bool tarn_selector_is_nothing(const struct tarn_selector *s);

/*
 * Do the labels of obj fulfil every requirement? An object without metadata or labels has no labels. s may be
 * NULL: yes. No allocation; one label look-up for each requirement. A tombstone is asked for its own labels: none.
 */
TARN_API bool tarn_selector_matches(const struct tarn_selector *s, const struct tarn_object *obj);
/* The same for a map of labels, such as `spec.template.metadata.labels`; NULL or no map: no labels. */
TARN_API bool tarn_selector_matches_labels(const struct tarn_selector *s, const struct tarn_value *labels);

/* Append the canonical text (`a=b,c in (d,e)`); "" for everything and for nothing. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_selector_print(const struct tarn_selector *s, struct tarn_buf *out);

/* ---- field selectors ------------------------------------------------------------------------- */

struct tarn_field_selector;

/*
 * Parse `path=value`, `path==value`, `path!=value` joined by commas; in a value `\,` `\=` `\\` are escapes. A path
 * has the forms of tarn_object_get, so any field can be asked for. Empty text selects everything.
 * Returns 0, TARN_E_NOMEM, or TARN_E_SELECTOR with the reason. Source: fields.ParseSelector.
 */
TARN_API TARN_MUST_CHECK int tarn_field_selector_parse(struct tarn_bytes text, const struct tarn_field_selector **ret,
                                                       struct tarn_error *err);
/* Free s. NULL is allowed. */
TARN_API void tarn_field_selector_free(const struct tarn_field_selector *s);
/* No terms at all (also for NULL)? */
TARN_API bool tarn_field_selector_is_everything(const struct tarn_field_selector *s);
/*
 * Evaluated here, over any path: a string compares as it is, a number or boolean as its JSON text, a field that is
 * missing, null, a list or a map as "". s may be NULL: yes. No allocation.
 */
TARN_API bool tarn_field_selector_matches(const struct tarn_field_selector *s, const struct tarn_object *obj);

/* One term: path=value, or path!=value. Borrowed from the selector. */
struct tarn_field_term {
    struct tarn_bytes path, value;
    bool negated;
};
/* The n-th term of s (may be NULL), in the order of the canonical text; false: there are no more. Source: fields.Selector.Requirements. */
TARN_API bool tarn_field_selector_term(const struct tarn_field_selector *s, size_t n, struct tarn_field_term *ret);
/* Append the canonical text: terms sorted, `=` for both forms of equality, values escaped. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_field_selector_print(const struct tarn_field_selector *s, struct tarn_buf *out);

#ifdef __cplusplus
}
#endif
#endif
