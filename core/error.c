/* error.c - texts of the error list and the error that carries a message. */
#include <tarn/error.h>

#include <stdio.h>

const char *tarn_strerror(int code)
{
    switch (code) {
    case TARN_OK:
        return "success";
#define X(name, value, text) \
    case value:              \
        return text;
        TARN_ERROR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *tarn_error_name(int code)
{
    switch (code) {
    case TARN_OK:
        return "TARN_OK";
#define X(name, value, text) \
    case value:              \
        return "TARN_E_" #name;
        TARN_ERROR_MAP(X)
#undef X
    default:
        return "TARN_E_?";
    }
}

int tarn_error_set(struct tarn_error *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return code;
    err->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    return code;
}
