/* log_journal.c - the journal's native protocol: one datagram of fields an event.
 *
 * A value without newlines is NAME=value; one with is NAME, newline, its length in 8 bytes little endian, the value. Ours are
 * MESSAGE (with the pairs, as the text form has them), PRIORITY, SYSLOG_IDENTIFIER and TARN_<NAME> for each pair.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log_event.h"

#define DATAGRAM_BYTES 16384

struct datagram {
    char data[DATAGRAM_BYTES];
    size_t len;
};

bool tarn_log_is_journal(int fd)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int tarn_log_journal_open(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof a.sun_path)
        return -1;
    memcpy(a.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void add(struct datagram *d, const void *data, size_t n)
{
    if (n > sizeof d->data - d->len)
        n = sizeof d->data - d->len;
    memcpy(d->data + d->len, data, n);
    d->len += n;
}

/* A field that does not fit as a whole is left out: the journal drops what it cannot read. */
static void add_field(struct datagram *d, const char *prefix, const char *name, const char *value, size_t n)
{
    size_t begin = d->len;
    unsigned char length[8];

    add(d, prefix, strlen(prefix));
    for (; *name; name++) {
        char c = isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_';

        add(d, &c, 1);
    }
    if (memchr(value, '\n', n)) {
        for (int i = 0; i < 8; i++)
            length[i] = (unsigned char)((unsigned long long)n >> (8 * i));
        add(d, "\n", 1);
        add(d, length, sizeof length);
    } else {
        add(d, "=", 1);
    }
    add(d, value, n);
    if (d->len == sizeof d->data)
        d->len = begin;
    else
        add(d, "\n", 1);
}

int tarn_log_journal_send(int fd, const struct tarn_log_event *e)
{
    static const char *const priorities[] = {"7", "6", "4", "3"};
    struct tarn_log_line message = {.len = 0};
    struct datagram d = {.len = 0};

    tarn_log_as_message(e, &message);
    add_field(&d, "", "MESSAGE", message.text, message.len);
    add_field(&d, "", "PRIORITY", priorities[e->level], 1);
    add_field(&d, "", "SYSLOG_IDENTIFIER", "tarnd", 5);
    for (unsigned i = 0; i < e->n; i++)
        add_field(&d, "TARN_", e->pairs[i].name, e->pairs[i].value, strlen(e->pairs[i].value));
    return send(fd, d.data, d.len, MSG_NOSIGNAL) < 0 ? -1 : 0;
}
