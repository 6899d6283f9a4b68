/* tarn/resource.h - what a region says about one mirrored resource: its description and its state.
 *
 * A record of store 0 under the resource's name, versioned like any object, so description, state and count are of the same
 * moment as the objects. The description is fixed for a generation; another one means a hand-over.
 *
 * The blob (format TARN_BLOB_RESOURCE), behind the key: struct tarn_resource_fixed, then the texts it counts, each
 * as u16 length, bytes, NUL: api_version, kind, singular, resource_version, last_error, the indexes' names, the
 * slots' paths, the short names, and since format 1.1 the source and where to resume.
 */
#ifndef TARN_RESOURCE_H
#define TARN_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/error.h>
#include <tarn/layout.h>

struct tarn_resource_fixed {
    uint16_t store, nindex, nslot, nshort;
    uint8_t namespaced, synced, live, relisting; /* live: 1 the watch is up, 2 it is polled and the last list went well */
    uint32_t incarnation;         /* drawn anew when the resource is added, kept by a hand-over; 0: format 1.0 */
    uint64_t objects, bytes;      /* live objects and the bytes of their blobs, at this commit */
    uint64_t incomplete;          /* objects whose index values did not all fit */
    uint64_t last_event_ms, last_list_ms, last_error_ms; /* CLOCK_MONOTONIC; 0: never */
    uint64_t lists, watches, events, relists, errors, rv_rewinds, skipped; /* since the agent started */
};
_Static_assert(sizeof(struct tarn_resource_fixed) == 16 + 13 * 8, "part of the format");

/* The state of a resource: what the reflector knows. Texts are borrowed (writer: during the call; reader: snapshot). */
struct tarn_resource_state {
    bool synced;    /* its first list was completely applied; once true, true */
    bool live;      /* the watch is up, or the last list went well */
    bool polled;    /* live: it is listed again and again, not watched */
    bool relisting; /* a list is being fetched or applied */
    struct tarn_bytes resource_version; /* of the last list or event */
    struct tarn_bytes last_error;       /* empty: none since it last became live */
    struct tarn_bytes resume;           /* writer only, a reader has tarn_resource_resume */
    uint64_t last_event_ms, last_list_ms, last_error_ms; /* CLOCK_MONOTONIC milliseconds; 0: never. Of before a boot: wrapped, differences hold */
    uint64_t lists, watches, events, relists, errors, rv_rewinds, skipped;
};

/* A resource as a snapshot has it. */
struct tarn_resource_info {
    uint16_t store; /* the handle for tarn_reader_get and the rest */
    bool namespaced;
    struct tarn_bytes name, api_version, kind, singular;
    uint16_t nindex, nslot, nshort;
    struct tarn_resource_state state;
    uint32_t incarnation; /* the same in two generations of one run: it is the same resource, and its objects' numbers go on */
    uint64_t objects, bytes, incomplete;
    uint64_t seq;                /* commit of the last change of the resource or its state */
    struct tarn_bytes texts;     /* of indexes, slots, short names, for the functions below */
};

/* Is a resource of that name the list of what was deleted of another (layout.h)? *ret_of: of which (borrowed from name; may be NULL). */
bool tarn_resource_lists_deleted(struct tarn_bytes name, struct tarn_bytes *ret_of);
/* The n-th index name, slot path or short name; empty when out of range. Borrowed as the info is. */
struct tarn_bytes tarn_resource_index_name(const struct tarn_resource_info *i, unsigned n);
/* The path of the n-th slot; empty when out of range. Borrowed as the info is. */
struct tarn_bytes tarn_resource_slot_path(const struct tarn_resource_info *i, unsigned n);
/* The n-th short name ("po"); empty when out of range. Borrowed as the info is. */
struct tarn_bytes tarn_resource_short_name(const struct tarn_resource_info *i, unsigned n);
/*
 * Where the objects come from and what was done to them, as the agent put it (server, selectors, projection): a later agent goes on
 * with them only if its own text is the same. Empty: the writer gave none, or the region is of format 1.0.
 */
struct tarn_bytes tarn_resource_source(const struct tarn_resource_info *i);
/*
 * From where a later agent may watch without a LIST: "NAMESPACE=RESOURCEVERSION" for each namespace that is watched by itself (nothing
 * before the = for all of them), separated by spaces. Empty: it must list, as changes are missing here.
 */
struct tarn_bytes tarn_resource_resume(const struct tarn_resource_info *i);
/* The resourceVersion to resume the watch of namespace ns ("": all) from; empty: list. */
struct tarn_bytes tarn_resource_resume_at(const struct tarn_resource_info *i, struct tarn_bytes ns);
/* The number of the index with this name, or TARN_E_INDEX_MISSING. */
int tarn_resource_index(const struct tarn_resource_info *i, struct tarn_bytes name);

#endif
