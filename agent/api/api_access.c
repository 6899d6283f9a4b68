/* api_access.c - see api_access.h.
 *
 * A decision of a caller by TCP goes through two questions: whose token is it, may that user do this. Each has a cache of what is known (struct known), also
 * of what is being asked; a decision waits on one of them. What is known of an access stands under the user as the API server told it, so another group
 * of the user is another question.
 */
#include "api_access.h"

#include <stdio.h>
#include <stdlib.h>

#include "api_access_text.h"
#include "api_cache.h"
#include "api_review.h"

#define FAILED_MS 1000u /* a server that cannot be asked is not asked by everybody at once */

struct known {
    struct api_cache_entry entry; /* first */
    struct api_access *access;
    struct api_review *review; /* while it is asked */
    LIST_HEAD(, api_decision) waiting;
    bool answered, yes;
    bool moved; /* asked of a server that is no longer ours */
    struct tarn_buf name, user; /* of a token */
    struct tarn_buf reason;     /* of an access */
};

struct api_decision {
    LIST_ENTRY(api_decision) link; /* in waiting of what it waits on */
    struct api_access *access;
    struct api_attributes what; /* without realms; its texts are behind the struct */
    struct tarn_buf name;       /* of the user, for messages; once it is known */
    void (*done)(void *ctx, const struct tarn_status *refusal);
    void *ctx;
    char texts[];
};

struct api_access {
    uv_loop_t *loop;
    struct api_upstream *upstream;
    struct api_hash_key key;
    struct api_cache tokens, accesses;
    uint64_t moves; /* of the server whose answers these are */
    struct api_access_stats stats;
};

/* ---- refusals ------------------------------------------------------------------------------------------------------ */

typedef void (*decided)(void *ctx, const struct tarn_status *refusal);

static void refuse(enum tarn_status_reason reason, struct tarn_bytes message, decided done, void *ctx)
{
    struct tarn_status s = tarn_status_failure(reason, message);

    if (reason == TARN_REASON_SERVICE_UNAVAILABLE || reason == TARN_REASON_TOO_MANY_REQUESTS)
        s.retry_after_s = 1;
    done(ctx, &s);
}

static void refuse_for_now(decided done, void *ctx)
{
    refuse(TARN_REASON_SERVICE_UNAVAILABLE, TARN_BYTES("tarnd cannot ask the API server who may read this; its log says why"), done, ctx);
}

static void unauthorized(struct api_access *a, decided done, void *ctx)
{
    a->stats.unauthorized++;
    refuse(TARN_REASON_UNAUTHORIZED, TARN_BYTES("Unauthorized"), done, ctx);
}

static void forbid(struct api_access *a, struct tarn_bytes user, const struct api_attributes *what, struct tarn_bytes reason, decided done, void *ctx)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_FORBIDDEN, TARN_BYTES("forbidden"));
    struct tarn_buf text = {0};

    a->stats.forbidden++;
    if (api_access_forbidden_text(user, what, reason, &text) == 0)
        s.message = tarn_buf_bytes(&text);
    s.name = what->name;
    s.group = what->group;
    s.kind = what->resource;
    done(ctx, &s);
    tarn_buf_release(&text);
}

/* ---- what is known ---------------------------------------------------------------------------------------------------- */

static void free_known(struct api_cache_entry *e)
{
    struct known *k = (struct known *)e;

    if (k->review)
        api_review_cancel(k->review);
    tarn_buf_release(&k->name);
    tarn_buf_release(&k->user);
    tarn_buf_release(&k->reason);
    free(k);
}

static bool go_on(struct api_decision *d, const struct known *k);

static void keep_answer(struct known *k, const struct api_review_answer *answer)
{
    k->answered = answer->answered && tarn_buf_add(&k->name, answer->name.data, answer->name.len) == 0 &&
                  tarn_buf_add(&k->user, answer->user.data, answer->user.len) == 0 && tarn_buf_add(&k->reason, answer->reason.data, answer->reason.len) == 0;
    k->yes = k->answered && answer->yes;
    k->access->stats.failures += !k->answered;
}

/* Whoever waits goes on; it still counts as being asked meanwhile, so that nothing they do takes it away. */
static void on_reviewed(void *ctx, const struct api_review_answer *answer)
{
    struct known *k = ctx;
    struct api_decision *d;

    k->review = NULL;
    keep_answer(k, answer);
    while ((d = LIST_FIRST(&k->waiting))) {
        LIST_REMOVE(d, link);
        (void)go_on(d, k);
    }
    api_cache_answered(&k->entry, uv_now(k->access->loop), k->moved ? 0 : k->yes ? API_ACCESS_ALLOWED_MS : k->answered ? API_ACCESS_REFUSED_MS : FAILED_MS);
}

static void forget(struct api_cache *c)
{
    struct api_cache_entry *e, *next;

    for (e = TAILQ_FIRST(&c->uses); e; e = next) {
        next = TAILQ_NEXT(e, use);
        if (e->asking)
            ((struct known *)e)->moved = true;
        else
            api_cache_remove(c, e);
    }
}

/* The kubeconfig leads to another cluster: its tokens and roles are others. */
static void forget_after_a_move(struct api_access *a)
{
    if (a->moves == a->upstream->server.moves)
        return;
    a->moves = a->upstream->server.moves;
    forget(&a->tokens);
    forget(&a->accesses);
}

static struct known *find(struct api_access *a, struct api_cache *c, const struct api_hash *question)
{
    return (struct known *)api_cache_find(c, question, uv_now(a->loop));
}

/* Room for an answer that is now asked for. NULL: neither memory nor room. */
static struct known *add(struct api_access *a, struct api_cache *c, const struct api_hash *question)
{
    struct known *k = calloc(1, sizeof *k);

    if (!k)
        return NULL;
    k->entry.question = *question;
    k->entry.asking = true;
    k->access = a;
    LIST_INIT(&k->waiting);
    if (api_cache_add(c, &k->entry))
        return k;
    free(k);
    return NULL;
}

/* Each step of a decision returns whether it still waits; if not it has been told and is no more. */
static bool end(struct api_decision *d)
{
    tarn_buf_release(&d->name);
    free(d);
    return false;
}

static bool too_many(struct api_decision *d)
{
    refuse(TARN_REASON_TOO_MANY_REQUESTS, TARN_BYTES("too many callers whom tarnd does not know yet; try again"), d->done, d->ctx);
    return end(d);
}

/* d waits on k, which was asked for just now with this result, or before. */
static bool wait_on(struct api_decision *d, struct api_cache *c, struct known *k, int rc)
{
    if (rc) {
        api_cache_remove(c, &k->entry);
        return too_many(d);
    }
    LIST_INSERT_HEAD(&k->waiting, d, link);
    return true;
}

/* ---- the second question: may the user do it? --------------------------------------------------------------------------- */

static int add_part(struct tarn_buf *b, struct tarn_bytes part)
{
    uint64_t n = part.len; /* so that no two lists of parts are the same bytes */
    int rc = tarn_buf_add(b, &n, sizeof n);

    return rc ? rc : tarn_buf_add(b, part.data, part.len);
}

static int hash_access(const struct api_access *a, struct tarn_bytes user, const struct api_attributes *w, struct api_hash *ret)
{
    const struct tarn_bytes parts[] = {user, tarn_bytes_of(w->verb), w->group, w->version, w->resource, w->ns, w->name, w->path};
    struct tarn_buf b = {0};
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof parts / sizeof *parts; i++)
        rc = add_part(&b, parts[i]);
    *ret = api_hash(&a->key, tarn_buf_bytes(&b));
    tarn_buf_release(&b);
    return rc;
}

static bool conclude(struct api_decision *d, const struct known *access)
{
    struct api_access *a = d->access;

    if (access->yes)
        d->done(d->ctx, NULL);
    else if (access->answered)
        forbid(a, tarn_buf_bytes(&d->name), &d->what, tarn_buf_bytes(&access->reason), d->done, d->ctx);
    else
        refuse_for_now(d->done, d->ctx);
    return end(d);
}

static bool ask_access(struct api_decision *d, struct tarn_bytes user)
{
    struct api_access *a = d->access;
    struct api_hash question;
    struct known *k;
    int rc = 0;

    if (hash_access(a, user, &d->what, &question))
        return too_many(d);
    k = find(a, &a->accesses, &question);
    if (k && !k->entry.asking) {
        a->stats.cached++;
        return conclude(d, k);
    }
    if (!k) {
        k = add(a, &a->accesses, &question);
        if (!k)
            return too_many(d);
        rc = api_review_access(a->upstream, user, &d->what, on_reviewed, k, &k->review);
        a->stats.access_reviews += !rc;
    }
    return wait_on(d, &a->accesses, k, rc);
}

/* ---- the first question: whose token is it? ------------------------------------------------------------------------------ */

static bool take_user(struct api_decision *d, const struct known *token)
{
    if (token->yes)
        return tarn_buf_add(&d->name, token->name.data, token->name.len) ? too_many(d) : ask_access(d, tarn_buf_bytes(&token->user));
    if (token->answered)
        unauthorized(d->access, d->done, d->ctx);
    else
        refuse_for_now(d->done, d->ctx);
    return end(d);
}

/* Of which kind is what it waited on: only a decision that knows its user has come to the second question. */
static bool go_on(struct api_decision *d, const struct known *k)
{
    return d->name.len ? conclude(d, k) : take_user(d, k);
}

static bool ask_token(struct api_decision *d, struct tarn_bytes token)
{
    struct api_access *a = d->access;
    struct api_hash question = api_hash(&a->key, token);
    struct known *k = find(a, &a->tokens, &question);
    int rc = 0;

    if (k && !k->entry.asking) {
        a->stats.cached++;
        return take_user(d, k);
    }
    if (!k) {
        k = add(a, &a->tokens, &question);
        if (!k)
            return too_many(d);
        rc = api_review_token(a->upstream, token, on_reviewed, k, &k->review);
        a->stats.token_reviews += !rc;
    }
    return wait_on(d, &a->tokens, k, rc);
}

/* The token of "Bearer TOKEN", in characters that a token may have; false: there is none. */
static bool token_of(const char *authorization, struct tarn_bytes *ret)
{
    size_t n;

    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return false;
    authorization += 7 + strspn(authorization + 7, " ");
    for (n = 0; authorization[n] > ' ' && authorization[n] < 0x7f; n++)
        ;
    *ret = (struct tarn_bytes){.data = authorization, .len = n};
    return n && !authorization[n];
}

/* ---- the public calls -------------------------------------------------------------------------------------------------------- */

static size_t size_of_texts(const struct api_attributes *w)
{
    return strlen(w->verb) + 1 + w->group.len + w->version.len + w->resource.len + w->ns.len + w->name.len + w->path.len;
}

static struct api_decision *decision_new(struct api_access *a, const struct api_attributes *what)
{
    struct api_decision *d = calloc(1, sizeof *d + size_of_texts(what));
    char *at;

    if (!d)
        return NULL;
    d->access = a;
    d->what = *what;
    d->what.realms = NULL;
    d->what.nrealms = 0;
    d->what.verb = strcpy(d->texts, what->verb);
    at = d->texts + strlen(what->verb) + 1;
    for (struct tarn_bytes *const *p = (struct tarn_bytes *const[]){&d->what.group, &d->what.version, &d->what.resource, &d->what.ns, &d->what.name,
                                                                    &d->what.path, NULL};
         *p; p++) {
        if ((*p)->len)
            memcpy(at, (*p)->data, (*p)->len);
        (*p)->data = at;
        at += (*p)->len;
    }
    return d;
}

bool api_access_may_read(const struct api_caller *caller, const struct tarn_config_realm *r)
{
    return !caller->peer || tarn_peer_may_read(caller->peer, r);
}

static void decide_peer(struct api_access *a, const struct api_caller *caller, const struct api_attributes *what, decided done, void *ctx)
{
    char user[32];

    for (unsigned i = 0; i < what->nrealms; i++)
        if (api_access_may_read(caller, what->realms[i])) {
            done(ctx, NULL);
            return;
        }
    (void)snprintf(user, sizeof user, "uid:%u", (unsigned)caller->peer->uid);
    forbid(a, tarn_bytes_of(user), what, TARN_BYTES("it is not among the readers of the realm"), done, ctx);
}

struct api_decision *api_access_decide(struct api_access *a, const struct api_caller *caller, const struct api_attributes *what,
                                       void (*done)(void *ctx, const struct tarn_status *refusal), void *ctx)
{
    struct api_decision *d = NULL;
    struct tarn_bytes token;

    if (caller->impersonates)
        refuse(TARN_REASON_FORBIDDEN, TARN_BYTES("the mirror cannot be read as somebody else (impersonation); ask the API server"), done, ctx);
    else if (caller->peer)
        decide_peer(a, caller, what, done, ctx);
    else if (!token_of(caller->authorization, &token))
        unauthorized(a, done, ctx);
    else if (!(d = decision_new(a, what)))
        refuse_for_now(done, ctx);
    if (!d)
        return NULL;
    d->done = done;
    d->ctx = ctx;
    forget_after_a_move(a);
    return ask_token(d, token) ? d : NULL;
}

void api_access_cancel(struct api_decision *d)
{
    LIST_REMOVE(d, link);
    (void)end(d);
}

void api_access_stats(const struct api_access *a, struct api_access_stats *ret)
{
    *ret = a->stats;
    ret->tokens = a->tokens.n;
    ret->decisions = a->accesses.n;
}

int api_access_new(uv_loop_t *loop, const struct tarn_config_server *server, struct api_access **ret, struct tarn_error *err)
{
    struct api_access *a = calloc(1, sizeof *a);
    int rc;

    if (!a)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    a->loop = loop;
    rc = api_hash_key_make(&a->key) ? tarn_error_set(err, TARN_E_IO, "no random bytes for the read API's keys")
                                    : api_upstream_new(loop, server, false, &a->upstream, err);
    if (rc) {
        free(a);
        return rc;
    }
    api_cache_init(&a->tokens, API_ACCESS_TOKENS, free_known);
    api_cache_init(&a->accesses, API_ACCESS_DECISIONS, free_known);
    *ret = a;
    return 0;
}

static void drop_waiting(struct api_cache *c)
{
    struct api_cache_entry *e;
    struct api_decision *d;

    TAILQ_FOREACH(e, &c->uses, use)
        while ((d = LIST_FIRST(&((struct known *)e)->waiting)))
            api_access_cancel(d);
}

void api_access_close(struct api_access *a)
{
    if (!a)
        return;
    drop_waiting(&a->tokens);
    drop_waiting(&a->accesses);
    api_cache_release(&a->tokens);
    api_cache_release(&a->accesses);
    api_upstream_close(a->upstream);
    explicit_bzero(&a->key, sizeof a->key);
    free(a);
}
