/* tarn/attach.h - what agent and client say to each other on the attach socket.
 *
 * A SOCK_SEQPACKET Unix socket; one message is one packet: u32 magic, u16 type, u16 version 1, then the body. The client speaks first:
 *
 *     HELLO {abi majors, flags, realm}       ->
 *                                            <-  WELCOME {...} + exactly 2 descriptors: region (O_RDONLY), control page
 *                                            <-  REFUSED {code, text}
 *     CONTROL {verb}                         ->        (instead of HELLO or at any time after WELCOME)
 *                                            <-  REPLY {part, last, bytes} ...  one or more packets
 *     after WELCOME, agent to client: doorbells, packets of one byte 0; and SUPERSEDED {generation}: attach again. (It
 *     may come just before WELCOME, when a hand-over happens during the handshake.)
 *
 * Only encoding and checking here, no socket. Every length is checked; a message that breaks the format is
 * TARN_E_CORRUPT. Little endian. Unknown trailing bytes of a message are ignored, so that fields can be added.
 */
#ifndef TARN_ATTACH_H
#define TARN_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

#define TARN_SOCKET_DEFAULT "/run/tarn/tarn.sock"
#define TARN_SOCKET_ENV "TARN_SOCKET"
#define TARN_REALM_DEFAULT "cluster"
#define TARN_REALM_MAX 23u
#define TARN_ATTACH_MAGIC 0x54415241u
#define TARN_ATTACH_BYTES_MAX 32768u /* of any packet */
#define TARN_ATTACH_FDS 2            /* WELCOME: [0] region, [1] control page */
#define TARN_ATTACH_HANDSHAKE_MS 5000 /* the agent closes a connection that has not said HELLO by then */

enum tarn_attach_type {
    TARN_ATTACH_HELLO = 1,
    TARN_ATTACH_WELCOME = 2,
    TARN_ATTACH_REFUSED = 3,
    TARN_ATTACH_CONTROL = 4,
    TARN_ATTACH_REPLY = 5,
    TARN_ATTACH_SUPERSEDED = 6,
    TARN_ATTACH_DOORBELL = 7, /* decoded from the packet of one byte 0 */
};

struct tarn_attach_hello {
    uint16_t abi_min, abi_max; /* region majors the client reads */
    uint32_t pins;             /* lines it would like, 0: default */
    struct tarn_bytes realm;   /* empty: the default realm */
    struct tarn_bytes program; /* for the agent's log, may be empty */
};
struct tarn_attach_welcome {
    uint64_t region_bytes;
    uint64_t generation;
    uint8_t instance[16];
    uint32_t control_bytes;
    uint32_t lease_ms;
    uint32_t heartbeat_ms; /* how often the agent writes its heartbeat */
    uint16_t abi_major, abi_minor;
    struct tarn_bytes realm;
    struct tarn_bytes agent; /* its version, for status */
};
struct tarn_attach_refused {
    int32_t code;            /* enum tarn_error_code */
    struct tarn_bytes text;  /* a sentence */
    uint32_t retry_after_ms; /* 0: retrying will not help */
};
/* A verb without a reply: an attached client met a region that breaks its format; argument: the commit, decimal. */
#define TARN_ATTACH_VERB_CORRUPT "corrupt"

struct tarn_attach_control {
    struct tarn_bytes verb; /* "status", "relist", "corrupt" */
    struct tarn_bytes argument;
};
struct tarn_attach_reply {
    int32_t code; /* 0, or an error with its sentence as bytes */
    bool last;
    struct tarn_bytes bytes; /* JSON text, cut anywhere */
};
struct tarn_attach_superseded {
    uint64_t generation;
};

/* One decoded message; bytes are borrowed from the packet. */
struct tarn_attach_message {
    enum tarn_attach_type type;
    union {
        struct tarn_attach_hello hello;
        struct tarn_attach_welcome welcome;
        struct tarn_attach_refused refused;
        struct tarn_attach_control control;
        struct tarn_attach_reply reply;
        struct tarn_attach_superseded superseded;
    };
};

/* Append the packet for m to out. 0, TARN_E_INVAL (a text too long, an unknown type), TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_attach_encode(const struct tarn_attach_message *m, struct tarn_buf *out);
/*
 * Decode one packet. TARN_E_CORRUPT with the reason in err. A packet of the single byte 0 is TARN_ATTACH_DOORBELL.
 */
TARN_MUST_CHECK int tarn_attach_decode(struct tarn_bytes packet, struct tarn_attach_message *ret,
                                       struct tarn_error *err);

#endif
