/* sim_object.h - one immutable API object of the simulator, as JSON text with holes.
 *
 * A template is text that many objects share; the holes in it are filled by each object's own values. A pod of
 * a workload is 7 KB of shared text and 250 bytes of its own, so a million of them fit in memory, and a new version
 * that only changes a few values is a small copy. An object that somebody posted is a template of its own.
 * Value 0 is always the resourceVersion, value 1 the time of the write (SIM_WRITTEN) where there is one.
 *
 * The text is what a list of the kind shows as an item: built-in kinds without kind and apiVersion.
 * One thread. Memory runs out: the simulator says so and ends (sim_alloc).
 */
#ifndef SIM_OBJECT_H
#define SIM_OBJECT_H

#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/object.h>

enum { SIM_RV = 0, SIM_WRITTEN = 1 };
#define SIM_VALUES_MAX 32

/* malloc or end the program with a message: a simulator without memory has nothing to simulate. */
void *sim_alloc(size_t n);
void *sim_realloc(void *p, size_t n);
/* Append, with the same end. */
void sim_put(struct tarn_buf *b, const void *data, size_t n);
void sim_puts(struct tarn_buf *b, const char *s);
void sim_putf(struct tarn_buf *b, const char *fmt, ...) TARN_PRINTF(2, 3);

struct sim_template;

/* What a template is built from: text in `text`, holes noted where they stand. {0} is empty. */
struct sim_builder {
    struct tarn_buf text, holes;
    unsigned values; /* one more than the highest value named */
};
/* The next byte of text comes behind value `value`. */
void sim_builder_hole(struct sim_builder *b, unsigned value);
/* An owned reference to the template; b is empty again. */
struct sim_template *sim_builder_finish(struct sim_builder *b);
void sim_template_unref(struct sim_template *t);
/* Many objects will be made of t: its text counts for none of them (sim_object_memory). Returns t. */
struct sim_template *sim_template_share(struct sim_template *t);

struct sim_object {
    uint32_t refs;
    uint32_t size; /* bytes of the JSON text */
    uint64_t rv;
    struct sim_template *tmpl;
    const struct tarn_object *facts; /* what selectors look at, made when first asked for; or NULL */
    uint16_t ns_len, key_len;
    uint32_t key_off; /* of "namespace/name" in data */
    char data[];      /* uint16_t lengths of the values, the values, the key */
};

/* A new object of template t (a reference is taken) at rv. values[SIM_RV] is ignored: it is rv's text. */
struct sim_object *sim_object_new(struct sim_template *t, struct tarn_bytes ns, struct tarn_bytes name, uint64_t rv,
                                  const struct tarn_bytes *values);
struct sim_object *sim_object_ref(struct sim_object *o);
void sim_object_unref(struct sim_object *o);

/* The values of o, borrowed; ret has room for SIM_VALUES_MAX. Returns how many. */
unsigned sim_object_values(const struct sim_object *o, struct tarn_bytes *ret);
/* o at another version, nothing else changed. */
struct sim_object *sim_object_at(const struct sim_object *o, uint64_t rv);

/* Do a and b differ in nothing but the version and the time of the write? */
bool sim_object_same_but_written(const struct sim_object *a, const struct sim_object *b);
/* Bytes of heap that go with o: its values, and its text unless that is a shared one. */
uint32_t sim_object_memory(const struct sim_object *o);

struct tarn_bytes sim_object_key(const struct sim_object *o);
struct tarn_bytes sim_object_ns(const struct sim_object *o);
struct tarn_bytes sim_object_name(const struct sim_object *o);
/* Append the text, o->size bytes. */
void sim_object_render(const struct sim_object *o, struct tarn_buf *out);

/* The wall clock in nanoseconds. */
uint64_t sim_wall_ns(void);
/* "2026-11-22T04:30:52Z" of a wall time; ret has room for 32. */
void sim_rfc3339(uint64_t wall_ns, char *ret);

/* The simulator's own random numbers: seeded, so that a run can be repeated. */
struct sim_random {
    uint64_t state;
};
uint64_t sim_random_next(struct sim_random *r);
uint32_t sim_random_below(struct sim_random *r, uint32_t n);
/* A version-4 UUID; ret has room for 37. */
void sim_random_uuid(struct sim_random *r, char *ret);

#endif
