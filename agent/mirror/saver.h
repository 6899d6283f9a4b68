/* saver.h - saves the realms' regions to checkpoints now and then, each on a thread of its own.
 *
 * A save maps the region and a control page as a client does, and reads a pinned snapshot: the ingest loop only starts it and hears of
 * its end. One save runs at a time, at low priority, and the pause behind it is at least twenty times as long as it took, so that a large
 * realm costs at most a twentieth of a core. A realm that has not changed is not saved again. One that holds Secrets never is.
 * When a save fails the file before stays, the reason is logged once, and it is tried again.
 *
 * Everything on the ingest thread.
 */
#ifndef TARN_AGENT_SAVER_H
#define TARN_AGENT_SAVER_H

#include <uv.h>

#include <tarn/bytes.h>
#include <tarn/writer.h>

struct tarn_saver;

struct tarn_saver_options {
    uv_loop_t *loop;
    const char *dir;      /* of the files, made if need be (0700); borrowed. NULL: nothing is ever saved */
    uint64_t interval_ms; /* between saves of a realm */
};

/* 0 or TARN_E_NOMEM. A directory that cannot be used is logged, not an error: the service goes on. */
int tarn_saver_new(const struct tarn_saver_options *o, struct tarn_saver **ret, struct tarn_error *err);
/* "DIR/REALM.ckpt" into out (cleared before). 0 or TARN_E_NOMEM. */
int tarn_saver_path(const char *dir, const char *realm, struct tarn_buf *out);

/*
 * Save this realm from now on, or its new generation w. 0 or TARN_E_NOMEM. The writer may be freed after tarn_saver_forget.
 */
int tarn_saver_realm(struct tarn_saver *s, const char *name, struct tarn_writer *w);
/* Not any more; the file stays. */
void tarn_saver_leave(struct tarn_saver *s, const char *name);
/* w is about to be freed: it is not saved any more; a save of it that is under way goes on with its own mapping. */
void tarn_saver_forget(struct tarn_saver *s, const struct tarn_writer *w);

/* Save what has changed as soon as possible (SIGUSR1). */
void tarn_saver_save_now(struct tarn_saver *s);
/*
 * Save what has changed a last time, and call done from the loop; patience_ms later whatever is not ready is given up and the file before
 * stays. The writers must not be freed until then. After it nothing is saved any more.
 */
void tarn_saver_finish(struct tarn_saver *s, uint64_t patience_ms, void (*done)(void *ctx), void *ctx);
/* After finish, or when no save was ever started. Frees when the loop has closed its handles. NULL is allowed. */
void tarn_saver_close(struct tarn_saver *s);

struct tarn_saver_facts {
    uint64_t saves, failures;
    uint64_t saved_ms;           /* loop's clock of the last one; 0: none yet by this agent */
    uint64_t took_ms, file_bytes, objects, commit; /* of the last one */
    bool saving, secret;         /* under way; never saved, as it holds Secrets */
    const char *error;           /* why the last attempt failed; "": it did not */
};
/* Of the realm; false: it is not saved. Strings are borrowed until the loop runs on. */
bool tarn_saver_facts(const struct tarn_saver *s, const char *realm, struct tarn_saver_facts *ret);

#endif
