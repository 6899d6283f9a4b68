/* reflector_report.c - what went wrong, as a status shows it and a person reads it.
 *
 * A failure is remembered in the status until the watch is open again, and reported once; other things are only reported. The
 * levels are those of client-go's DefaultWatchErrorHandler.
 */
#include <stdio.h>

#include "reflector_state.h"

static void tell(struct tarn_reflector *r, const struct tarn_reflector_report *rep)
{
    if (r->o.on_report)
        r->o.on_report(r->o.ctx, rep);
}

void tarn_rfl_report(struct tarn_reflector *r, enum tarn_report_level level, int code, struct tarn_bytes key,
                     const char *fmt, ...)
{
    struct tarn_reflector_report rep = {.level = level, .error = {.code = code}, .key = key};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(rep.error.message, sizeof rep.error.message, fmt, ap);
    va_end(ap);
    tell(r, &rep);
}

bool tarn_rfl_may_tell_of_object(struct tarn_reflector *r)
{
    uint64_t now = tarn_rfl_now_of(r);

    if (r->tell_ms == 0 || now - r->tell_ms >= TELL_MS) {
        if (r->left_untold)
            tarn_rfl_report(r, TARN_REPORT_WARNING, 0, (struct tarn_bytes){0},
                            "%u more objects of %s were skipped and not named", r->left_untold, r->name);
        r->tell_ms = now ? now : 1;
        r->told = r->left_untold = 0;
    }
    if (r->told == TELL_OBJECTS) {
        r->left_untold++;
        return false;
    }
    r->told++;
    return true;
}

void tarn_rfl_fail(struct tarn_reflector *r, const struct failure *f, bool ends_round)
{
    struct tarn_reflector_report rep = {.level = f->level, .ends_round = ends_round, .http_code = f->http_code};

    (void)tarn_error_set(&rep.error, f->code, "%s %s at resourceVersion '%s': %.*s", f->what, r->name,
                         r->st.resource_version.text, TARN_BYTES_ARG(f->text));
    r->st.last_error = rep.error;
    r->st.last_error_at_ms = tarn_rfl_now_of(r);
    r->st.last_http_code = f->http_code;
    r->st.failures++;
    tarn_rfl_set_live(r, false);
    tell(r, &rep);
}

struct failure tarn_rfl_failure_of_status(const char *what, const struct tarn_status *s)
{
    struct failure f = {.what = what, .code = TARN_E_STATUS, .level = TARN_REPORT_ERROR, .text = s->message};
    uint32_t seconds = 0;

    if (tarn_rfl_is_expired(s)) {
        f.code = TARN_E_GONE;
        f.level = TARN_REPORT_DEBUG; /* */
    }
    f.http_code = (uint32_t)(s->code > 0 ? s->code : tarn_status_reason_code(s->reason));
    if (!f.text.len)
        f.text = tarn_bytes_of(tarn_status_reason_text(s->reason));
    if (tarn_status_suggests_delay(s, &seconds))
        f.retry_after_ms = seconds < RETRY_AFTER_MAX_MS / 1000 ? seconds * 1000 : RETRY_AFTER_MAX_MS;
    return f;
}

/* the end of a stream is nothing to tell, one in mid-air worth a line, the rest an error. */
static struct failure failure_of_transport(const char *what, const struct tarn_end *end)
{
    int code = end->error ? end->error->code : TARN_E_IO;
    const char *text = end->reason == TARN_END_NORMAL ? "the response ended before it was complete" : tarn_strerror(code);
    struct failure f = {.what = what, .code = code, .level = TARN_REPORT_ERROR};

    if (end->reason == TARN_END_NORMAL)
        f.level = end->error ? TARN_REPORT_INFO : TARN_REPORT_QUIET;
    f.text = tarn_bytes_of(end->error && end->error->message[0] ? end->error->message : text);
    return f;
}

struct failure tarn_rfl_failure_of_end(const char *what, const struct tarn_end *end)
{
    struct failure f;

    if (end->reason == TARN_END_STATUS && end->status)
        f = tarn_rfl_failure_of_status(what, end->status);
    else
        f = failure_of_transport(what, end);
    if (f.retry_after_ms < end->retry_after_ms)
        f.retry_after_ms = end->retry_after_ms;
    return f;
}

void tarn_rfl_recovered(struct tarn_reflector *r)
{
    r->st.failures = 0;
    r->st.last_error = (struct tarn_error){0};
    r->st.last_http_code = 0;
    r->changed = true;
}
