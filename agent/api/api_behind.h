/* api_behind.h - what a watch is told before it is up to date: the state of a snapshot, or what happened since a version. One event at a time.
 *
 * Of history each object's last state is told, at the place of its last change, and each deletion and each change by which it may have left the selector at
 * its own place. Whether it fitted is asked of the states that selectors saw, which the history keeps; where one is not there any more, an object
 * that fits no more is told as DELETED though it may never have been told as ADDED. That is harmless to a cache, silence would not be.
 *
 * A part of api_watch.c. What is told is only good if the snapshot still stands afterwards: the caller's to check.
 */
#ifndef TARN_AGENT_API_BEHIND_H
#define TARN_AGENT_API_BEHIND_H

#include "api_form.h"
#include "api_history.h"
#include "api_realm.h"
#include "api_request.h"

enum api_behind_source { API_BEHIND_NOTHING, API_BEHIND_STATE, API_BEHIND_ONE, API_BEHIND_HISTORY };
enum api_told { API_TOLD_UNSET, API_TOLD_NO, API_TOLD_YES, API_TOLD_MAYBE };

struct api_behind {
    enum api_behind_source source;
    const struct api_request *request;
    struct api_snapshot *s; /* NULL: it is over */
    struct tarn_resource_info info; /* of s */
    struct tarn_reader_iter it;
    struct api_replay replay;
    size_t at;              /* in the replay */
    unsigned char *told;    /* enum api_told, by object of the replay: what the reader has */
    char version[24];
};

/* Of s, which is referenced; name: the resource's. request is borrowed. Nothing is told until state or history was called. 0, or as tarn_reader_resource. */
int api_behind_begin(struct api_behind *b, struct api_snapshot *s, struct tarn_bytes name, const struct api_request *request);
int api_behind_state(struct api_behind *b);
/* version is not below the floor of h, and s is the state behind its last entry. */
int api_behind_history(struct api_behind *b, const struct api_history *h, uint64_t version);
/* 1 and the next event, with *ret_version its resourceVersion; 0: there are no more; or an error. Borrowed until the next call. */
int api_behind_next(struct api_behind *b, struct api_event *ret, uint64_t *ret_version);
/* {0} is allowed; it may be begun again. */
void api_behind_end(struct api_behind *b);

/* Is obj in the namespace, and of the name, that r asks for? Neither changes in an object's life. */
bool api_request_covers(const struct api_request *r, const struct tarn_object *obj);
/* Do its selectors select obj? */
bool api_request_fits(const struct api_request *r, const struct tarn_object *obj);

#endif
