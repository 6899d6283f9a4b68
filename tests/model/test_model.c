/* The region's protocol, step by step as the comments in shm/ name them (W1.. writer, C1.. collector, R1.. reader, D1.. doorbell, G1.. hand-over),
 * explored exhaustively under SC, TSO and PSO. Each world has the protocol as it is, which must be safe in all three, and
 * variants with one step left out or moved, each of which must be refused: that tests the tester.
 *
 * Not modelled: reordering of loads (the code uses acquire), and values wider than what a step stores at once.
 */
#include "explore.h"

#include <stdio.h>
#include <string.h>

#include "tarn_test.h"

/* Step helpers: `t` and `s` are the step function's. */
#define PC s->thread[t].pc
#define REG s->thread[t].reg
#define LD(var) explore_load(s, t, (var))
#define ST(var, val)                          \
    do {                                      \
        if (!explore_store(s, t, (var), (val))) \
            return false;                     \
    } while (0)
#define REL(var, val)                           \
    do {                                        \
        if (!explore_release(s, t, (var), (val))) \
            return false;                       \
    } while (0)
#define GO(pc_)        \
    do {               \
        PC = (pc_);    \
        return true;   \
    } while (0)

/* ---- pins, horizon, reuse -------------------------------------------------------------------------- */

enum { P_COMMIT, P_HORIZON, P_PIN, P_HEAD, P_CELL };
#define P_VAL(c) (P_CELL + 3u * (c))
#define P_SEQ(c) (P_CELL + 3u * (c) + 1)
#define P_PREV(c) (P_CELL + 3u * (c) + 2)
#define CELLS 3u
#define NOCELL 9

enum { /* variants of the pin world */
    NO_READER_FENCE = 1,
    NO_WRITER_FENCE = 2,
    SNAPSHOT_BEFORE_PIN = 4,
    UNPINNED = 8,
    REVOKING = 16,
    HORIZON_AFTER_REUSE = 32,
    NO_RELEASE_AFTER_HORIZON = 64,
    COMMIT_BEFORE_LINK = 128,
    LINK_BEFORE_FILL = 256,
    IGNORE_PINS = 512,
    FREE_AT_ONCE = 1024,
    TWO_READERS = 2048,
    LOW_PIN_IS_NONE = 4096,
};

/* writer registers: N, cell, old, m, rounds, free mask, retired n, tags[3], cells[3] */
enum { R_N, R_CELL, R_OLD, R_M, R_ROUND, R_FREE, R_RETIRED, R_TAG, R_REF = R_TAG + 3 };

static void pins_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[P_COMMIT] = 1;
    s->mem[P_HEAD] = 0;
    s->mem[P_VAL(0)] = s->mem[P_SEQ(0)] = 1;
    s->mem[P_PREV(0)] = NOCELL;
    s->thread[0].reg[R_FREE] = 2 | 4;
}

/* Give back the cells whose tag the horizon has reached (or all, in a broken variant). */
static void give_back(uint8_t *reg, bool all)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < reg[R_RETIRED]; i++) {
        if (all || reg[R_TAG + i] <= reg[R_M]) {
            reg[R_FREE] |= (uint8_t)(1u << reg[R_REF + i]);
        } else {
            reg[R_TAG + kept] = reg[R_TAG + i];
            reg[R_REF + kept++] = reg[R_REF + i];
        }
    }
    for (unsigned i = kept; i < 3; i++)
        reg[R_TAG + i] = reg[R_REF + i] = 0;
    reg[R_RETIRED] = (uint8_t)kept;
}

static bool take_cell(uint8_t *reg)
{
    for (uint8_t c = 0; c < CELLS; c++)
        if (reg[R_FREE] >> c & 1) {
            reg[R_FREE] &= (uint8_t)~(1u << c);
            reg[R_CELL] = c;
            return true;
        }
    return false;
}

static bool pins_collect(struct state *s, unsigned t, unsigned flags)
{
    uint8_t pin;

    switch (PC) {
    case 10: /* C1 */
        if (!(flags & NO_WRITER_FENCE) && !explore_fenced(s, t))
            return false;
        REG[R_M] = LD(P_COMMIT);
        GO(11);
    case 11: /* C2 */
        pin = flags & IGNORE_PINS ? 0 : LD(P_PIN);
        if (flags & LOW_PIN_IS_NONE && pin < LD(P_HORIZON))
            pin = 0;
        if (pin && pin < REG[R_M]) {
            if (flags & REVOKING) { /* both: honour it, or leave it out */
                struct state other = *s;

                other.thread[t].pc = 12;
                explore_also(&other);
            }
            REG[R_M] = pin;
        }
        GO(flags & HORIZON_AFTER_REUSE ? 13 : 12);
    case 12: /* C3 */
        if (LD(P_HORIZON) < REG[R_M])
            ST(P_HORIZON, REG[R_M]);
        if (!(flags & NO_RELEASE_AFTER_HORIZON))
            explore_store_fence(s, t);
        if (flags & HORIZON_AFTER_REUSE)
            GO(0);
        GO(13);
    default: /* C4 */
        give_back(REG, flags & FREE_AT_ONCE);
        if (!(flags & HORIZON_AFTER_REUSE))
            GO(0);
        if (REG[R_ROUND] < 4 && take_cell(REG)) { /* the reuse begins before the horizon is told */
            ST(P_VAL(REG[R_CELL]), 0);
            REG[R_FREE] |= (uint8_t)(1u << REG[R_CELL]);
        }
        GO(12);
    }
}

static bool pins_write(struct state *s, unsigned t, unsigned flags)
{
    switch (PC) {
    case 0:
        if (REG[R_ROUND] == 4)
            return false;
        if (!take_cell(REG))
            GO(10);
        REG[R_N] = (uint8_t)(LD(P_COMMIT) + 1);
        REG[R_OLD] = LD(P_HEAD);
        GO(flags & COMMIT_BEFORE_LINK ? 5 : flags & LINK_BEFORE_FILL ? 4 : 1);
    case 1: /* W1 */
        ST(P_VAL(REG[R_CELL]), REG[R_N]);
        GO(2);
    case 2:
        ST(P_SEQ(REG[R_CELL]), REG[R_N]);
        GO(3);
    case 3:
        ST(P_PREV(REG[R_CELL]), REG[R_OLD]);
        GO(flags & LINK_BEFORE_FILL ? 5 : 4);
    case 4: /* W2 */
        if (flags & LINK_BEFORE_FILL)
            ST(P_HEAD, REG[R_CELL]);
        else
            REL(P_HEAD, REG[R_CELL]);
        REG[R_TAG + REG[R_RETIRED]] = REG[R_N];
        REG[R_REF + REG[R_RETIRED]++] = REG[R_OLD];
        GO(flags & COMMIT_BEFORE_LINK ? 6 : flags & LINK_BEFORE_FILL ? 1 : 5);
    case 5: /* W5 */
        REL(P_COMMIT, REG[R_N]);
        GO(flags & COMMIT_BEFORE_LINK ? 1 : 6);
    default:
        REG[R_ROUND]++;
        GO(10);
    }
}

/* reader registers: lower, S, cell, seq, value, rounds */
enum { R_LOWER, R_S, R_C, R_SEQ, R_V, R_ROUNDS };

static void judge_read(const struct state *s, unsigned t, unsigned flags)
{
    const uint8_t *reg = s->thread[t].reg;
    bool covered = LD(P_HORIZON) <= reg[R_S];
    bool may_expire = flags & (UNPINNED | REVOKING) || (flags & TWO_READERS && t == 2);

    if (covered && reg[R_V] != reg[R_S])
        explore_wrong("snapshot %u accepted the value of commit %u", reg[R_S], reg[R_V]);
    if (!covered && !may_expire)
        explore_wrong("a pinned snapshot at %u was told it expired (horizon %u)", reg[R_S], LD(P_HORIZON));
}

static bool pins_read(struct state *s, unsigned t, unsigned flags)
{
    bool pin = !(flags & UNPINNED) && t == 1;
    uint8_t prev;

    switch (PC) {
    case 0: /* R1 */
        if (REG[R_ROUNDS] == (flags & TWO_READERS ? 1 : 2))
            return false;
        REG[R_LOWER] = REG[R_S] = LD(P_COMMIT);
        GO(pin ? 1 : 4);
    case 1: /* R2 */
        REL(P_PIN, REG[R_LOWER]);
        GO(2);
    case 2: /* R3 */
        if (!(flags & NO_READER_FENCE) && !explore_fenced(s, t))
            return false;
        GO(3);
    case 3: /* R4 */
        if (!(flags & SNAPSHOT_BEFORE_PIN))
            REG[R_S] = LD(P_COMMIT);
        GO(4);
    case 4: /* R5: head, then back to the version at S */
        REG[R_C] = LD(P_HEAD);
        GO(5);
    case 5:
        REG[R_SEQ] = LD(P_SEQ(REG[R_C]));
        GO(REG[R_SEQ] > REG[R_S] ? 6 : 8);
    case 6:
        prev = LD(P_PREV(REG[R_C]));
        REG[R_C] = prev;
        if (prev == NOCELL) {
            REG[R_V] = 99;
            GO(9);
        }
        GO(7);
    case 7: /* the older version must be older, else the chain is broken */
        prev = LD(P_SEQ(REG[R_C]));
        if (prev >= REG[R_SEQ]) {
            REG[R_V] = 98;
            GO(9);
        }
        REG[R_SEQ] = prev;
        GO(prev > REG[R_S] ? 6 : 8);
    case 8:
        REG[R_V] = LD(P_VAL(REG[R_C]));
        GO(9);
    case 9: /* R6 */
        judge_read(s, t, flags);
        GO(10);
    default: /* R7 */
        if (pin)
            REL(P_PIN, 0);
        prev = REG[R_ROUNDS];
        memset(REG, 0, WORLD_REGS);
        REG[R_ROUNDS] = (uint8_t)(prev + 1);
        GO(0);
    }
}

static bool pins_step(struct state *s, unsigned t, unsigned flags)
{
    if (t)
        return pins_read(s, t, flags);
    return PC >= 10 ? pins_collect(s, t, flags) : pins_write(s, t, flags);
}

static const struct world pins = {"pins", 2, pins_begin, pins_step, NULL};
static const struct world two_readers = {"pins, two readers", 3, pins_begin, pins_step, NULL};

/* ---- postings and their compaction ---------------------------------------------------------------------- */

/* One object. Commit 2 gives it an indexed value, commit 3 takes it away, the collector drops it from the posting and reuses the old
 * array. A pinned reader must find it by the value exactly at snapshot 2. Two arrays of one entry; three versions. */
enum { I_COMMIT, I_HORIZON, I_PIN, I_NODE, I_N0, I_E0, I_N1, I_E1, I_HEAD, I_SEQ, I_VID = I_SEQ + 3 };
enum {
    COMMIT_BEFORE_POSTING = 1,
    COUNT_BEFORE_ENTRY = 2,
    SWAP_BEFORE_CONTENT = 4,
    DROP_WITHOUT_HORIZON = 8,
    REUSE_ARRAY_AT_ONCE = 16,
};
#define JUNK 7

static void index_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[I_COMMIT] = 1;
    s->mem[I_HEAD] = NOCELL;
    s->mem[I_E0] = JUNK;
}

static bool index_write(struct state *s, unsigned t, unsigned flags)
{
    uint8_t pin;

    switch (PC) {
    case 0: /* commit 2: W1 record 0 {seq 2, has the value} */
        ST(I_SEQ + 0, 2);
        GO(1);
    case 1:
        ST(I_VID + 0, 1);
        GO(flags & COMMIT_BEFORE_POSTING ? 4 : 2);
    case 2: /* W3 */
        if (flags & COUNT_BEFORE_ENTRY)
            ST(I_N0, 1);
        else
            ST(I_E0, 0);
        GO(3);
    case 3:
        if (flags & COUNT_BEFORE_ENTRY)
            ST(I_E0, 0);
        else
            REL(I_N0, 1);
        GO(flags & COMMIT_BEFORE_POSTING ? 6 : 4);
    case 4: /* W2 */
        REL(I_HEAD, 0);
        GO(5);
    case 5: /* W5 */
        REL(I_COMMIT, 2);
        GO(flags & COMMIT_BEFORE_POSTING ? 2 : 6);
    case 6: /* commit 3: record 1 {seq 3, without}, prev is record 0 */
        ST(I_SEQ + 1, 3);
        GO(7);
    case 7:
        REL(I_HEAD, 1);
        GO(8);
    case 8:
        REL(I_COMMIT, 3);
        GO(9);
    case 9: /* C1, C2 */
        if (!explore_fenced(s, t))
            return false;
        pin = LD(I_PIN);
        REG[0] = pin && pin < 3 ? pin : 3;
        GO(10);
    case 10: /* C3 */
        ST(I_HORIZON, REG[0]);
        explore_store_fence(s, t);
        if (REG[0] < 3 && !(flags & DROP_WITHOUT_HORIZON))
            GO(9);
        GO(11);
    case 11: /* the entry left with tag 3: a copy without it, array 1, is swapped in */
        if (flags & SWAP_BEFORE_CONTENT)
            ST(I_NODE, 1);
        else
            ST(I_N1, 0);
        GO(12);
    case 12:
        if (flags & SWAP_BEFORE_CONTENT)
            ST(I_N1, 0);
        else
            REL(I_NODE, 1);
        GO(flags & REUSE_ARRAY_AT_ONCE ? 16 : 13);
    case 13: /* commit 4 */
        REL(I_COMMIT, 4);
        GO(14);
    case 14:
        if (!explore_fenced(s, t))
            return false;
        pin = LD(I_PIN);
        REG[0] = pin && pin < 4 ? pin : 4;
        GO(15);
    case 15:
        ST(I_HORIZON, REG[0]);
        explore_store_fence(s, t);
        if (REG[0] < 4)
            GO(14);
        GO(16);
    case 16: /* C4: array 0 is used again */
        ST(I_E0, JUNK);
        GO(17);
    default:
        return false;
    }
}

enum { X_S, X_ARRAY, X_N, X_ENTRY, X_HEAD, X_FOUND };

static bool index_read(struct state *s, unsigned t)
{
    switch (PC) {
    case 0:
        REG[X_S] = LD(I_COMMIT);
        GO(1);
    case 1:
        REL(I_PIN, REG[X_S]);
        GO(2);
    case 2:
        if (!explore_fenced(s, t))
            return false;
        REG[X_S] = LD(I_COMMIT);
        GO(3);
    case 3:
        REG[X_ARRAY] = LD(I_NODE);
        GO(4);
    case 4:
        REG[X_N] = LD(REG[X_ARRAY] ? I_N1 : I_N0);
        GO(REG[X_N] ? 5 : 8);
    case 5:
        REG[X_ENTRY] = LD(REG[X_ARRAY] ? I_E1 : I_E0);
        GO(REG[X_ENTRY] ? 8 : 6); /* only object 0 exists */
    case 6:
        REG[X_HEAD] = LD(I_HEAD);
        GO(REG[X_HEAD] == NOCELL ? 8 : 7);
    case 7: /* version 1 is followed by version 0 */
        if (LD(I_SEQ + REG[X_HEAD]) > REG[X_S])
            REG[X_HEAD] = REG[X_HEAD] == 1 && LD(I_SEQ) <= REG[X_S] ? 0 : NOCELL;
        REG[X_FOUND] = REG[X_HEAD] != NOCELL && LD(I_VID + REG[X_HEAD]);
        GO(8);
    case 8:
        if (REG[X_FOUND] != (REG[X_S] == 2))
            explore_wrong("at snapshot %u the index said %u", REG[X_S], REG[X_FOUND]);
        GO(9);
    default:
        return false;
    }
}

static bool index_step(struct state *s, unsigned t, unsigned flags)
{
    return t ? index_read(s, t) : index_write(s, t, flags);
}

/* Array 1 starts with junk in its count for the swap variant: it was used before. */
static void index_begin_used(struct state *s, unsigned flags)
{
    index_begin(s, flags);
    s->mem[I_N1] = flags & SWAP_BEFORE_CONTENT ? 1 : 0;
    s->mem[I_E1] = JUNK;
    if (flags & SWAP_BEFORE_CONTENT)
        s->mem[I_E1] = 0; /* names an object that is not under the value any more */
}

static const struct world postings = {"postings", 2, index_begin_used, index_step, NULL};

/* ---- the table's growth -------------------------------------------------------------------------------------- */

/* A key is in table 0; the table is rebuilt into table 1, the key is updated there, table 0 is used again. */
enum { T_COMMIT, T_HORIZON, T_PIN, T_TABLE, T_SLOT0, T_SLOT1, T_SEQ, T_PREV = T_SEQ + 3 };
enum { TABLE_BEFORE_SLOTS = 1, TABLE_REUSED_AT_ONCE = 2, TABLE_AFTER_COMMIT = 4 };
#define EMPTY 8

static void table_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[T_COMMIT] = 1;
    s->mem[T_SEQ] = 1;
    s->mem[T_PREV] = NOCELL;
    s->mem[T_SLOT1] = EMPTY;
}

static bool table_write(struct state *s, unsigned t, unsigned flags)
{
    uint8_t pin;

    switch (PC) {
    case 0: /* copy the slot, then show the table */
        if (flags & TABLE_BEFORE_SLOTS)
            ST(T_TABLE, 1);
        else
            ST(T_SLOT1, 0);
        GO(1);
    case 1:
        if (flags & TABLE_BEFORE_SLOTS)
            ST(T_SLOT1, 0);
        else if (!(flags & TABLE_AFTER_COMMIT))
            REL(T_TABLE, 1);
        GO(flags & TABLE_REUSED_AT_ONCE ? 8 : 2);
    case 2: /* the update: record 1 */
        ST(T_SEQ + 1, 2);
        GO(3);
    case 3:
        ST(T_PREV + 1, 0);
        GO(4);
    case 4:
        REL(T_SLOT1, 1);
        GO(5);
    case 5:
        REL(T_COMMIT, 2);
        GO(flags & TABLE_AFTER_COMMIT ? 9 : 6);
    case 9:
        REL(T_TABLE, 1);
        GO(6);
    case 6:
        if (!explore_fenced(s, t))
            return false;
        pin = LD(T_PIN);
        REG[0] = pin && pin < 2 ? pin : 2;
        GO(7);
    case 7:
        ST(T_HORIZON, REG[0]);
        explore_store_fence(s, t);
        GO(REG[0] < 2 ? 6 : 8);
    case 8: /* table 0 had tag 2 */
        ST(T_SLOT0, EMPTY);
        GO(flags & TABLE_REUSED_AT_ONCE && LD(T_COMMIT) < 2 ? 2 : 10);
    default:
        return false;
    }
}

static bool table_read(struct state *s, unsigned t)
{
    uint8_t prev;

    switch (PC) {
    case 0:
        REG[R_S] = LD(T_COMMIT);
        GO(1);
    case 1:
        REL(T_PIN, REG[R_S]);
        GO(2);
    case 2:
        if (!explore_fenced(s, t))
            return false;
        REG[R_S] = LD(T_COMMIT);
        GO(3);
    case 3:
        REG[6] = LD(T_TABLE);
        GO(4);
    case 4:
        REG[R_C] = LD(REG[6] ? T_SLOT1 : T_SLOT0);
        GO(REG[R_C] == EMPTY ? 6 : 5);
    case 5:
        REG[R_V] = LD(T_SEQ + REG[R_C]);
        if (REG[R_V] <= REG[R_S])
            GO(6);
        prev = LD(T_PREV + REG[R_C]);
        REG[R_C] = prev;
        REG[R_V] = prev == NOCELL ? 0 : REG[R_V];
        GO(prev == NOCELL ? 6 : 5);
    case 6:
        if (REG[R_V] != REG[R_S])
            explore_wrong("snapshot %u found version %u", REG[R_S], REG[R_V]);
        GO(7);
    default:
        return false;
    }
}

static bool table_step(struct state *s, unsigned t, unsigned flags)
{
    return t ? table_read(s, t) : table_write(s, t, flags);
}

static const struct world table = {"table growth", 2, table_begin, table_step, NULL};

/* ---- the change log ------------------------------------------------------------------------------------------------ */

/* A ring of one entry. Entry p of commit p + 2 names object p + 10. Two entries are written; the reader wants entry 0. */
enum { L_COMMIT, L_HEAD, L_FLOOR, L_SEQ, L_OID };
enum { FLOOR_AFTER_ENTRY = 1, NO_FENCE_AFTER_FLOOR = 2, HEAD_AFTER_COMMIT = 4, FLOOR_READ_FIRST = 8 };

static void log_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[L_COMMIT] = 1;
}

static bool log_write(struct state *s, unsigned t, unsigned flags)
{
    uint8_t p = REG[0];

    switch (PC) {
    case 0:
        if (p == 2)
            return false;
        GO(p && !(flags & FLOOR_AFTER_ENTRY) ? 1 : 2);
    case 1: /* W4: give the old entry up before it is overwritten */
        ST(L_FLOOR, p);
        if (!(flags & NO_FENCE_AFTER_FLOOR))
            explore_store_fence(s, t);
        GO(flags & FLOOR_AFTER_ENTRY ? 4 : 2);
    case 2:
        ST(L_SEQ, (uint8_t)(p + 2));
        GO(3);
    case 3:
        ST(L_OID, (uint8_t)(p + 10));
        GO(p && flags & FLOOR_AFTER_ENTRY ? 1 : flags & HEAD_AFTER_COMMIT ? 5 : 4);
    case 4:
        REL(L_HEAD, (uint8_t)(p + 1));
        GO(flags & HEAD_AFTER_COMMIT ? 6 : 5);
    case 5: /* W5 */
        REL(L_COMMIT, (uint8_t)(p + 2));
        GO(flags & HEAD_AFTER_COMMIT ? 4 : 6);
    default:
        REG[0]++;
        GO(0);
    }
}

enum { G_S, G_HEAD, G_SEQ, G_OID, G_FLOOR };

static bool log_read(struct state *s, unsigned t, unsigned flags)
{
    switch (PC) {
    case 0:
        REG[G_S] = LD(L_COMMIT);
        GO(1);
    case 1:
        REG[G_HEAD] = LD(L_HEAD);
        if (REG[G_HEAD] + 1 < REG[G_S])
            explore_wrong("at snapshot %u the head is %u: entries are missing", REG[G_S], REG[G_HEAD]);
        if (!REG[G_HEAD])
            return false;
        GO(flags & FLOOR_READ_FIRST ? 4 : 2);
    case 2:
        REG[G_SEQ] = LD(L_SEQ);
        GO(3);
    case 3:
        REG[G_OID] = LD(L_OID);
        GO(flags & FLOOR_READ_FIRST ? 5 : 4);
    case 4:
        REG[G_FLOOR] = LD(L_FLOOR);
        GO(flags & FLOOR_READ_FIRST ? 2 : 5);
    case 5:
        if (!REG[G_FLOOR] && (REG[G_SEQ] != 2 || REG[G_OID] != 10))
            explore_wrong("entry 0 was accepted as {commit %u, object %u}", REG[G_SEQ], REG[G_OID]);
        GO(6);
    default:
        return false;
    }
}

static bool log_step(struct state *s, unsigned t, unsigned flags)
{
    return t ? log_read(s, t, flags) : log_write(s, t, flags);
}

static const struct world change_log = {"change log", 2, log_begin, log_step, NULL};

/* ---- doorbells --------------------------------------------------------------------------------------------------------- */

enum { D_COMMIT, D_ARMED, D_BELL };
enum { NO_ARM_FENCE = 1, NO_RING_FENCE = 2, LOOK_BEFORE_ARMING = 4 };

static void bell_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[D_COMMIT] = 1;
}

static bool bell_write(struct state *s, unsigned t, unsigned flags)
{
    switch (PC) {
    case 0: /* W5 */
        REL(D_COMMIT, 2);
        GO(1);
    case 1: /* W6 */
        if (!(flags & NO_RING_FENCE) && !explore_fenced(s, t))
            return false;
        GO(LD(D_ARMED) ? 2 : 4);
    case 2: /* exchange */
        if (!explore_fenced(s, t))
            return false;
        s->mem[D_ARMED] = 0;
        GO(3);
    case 3: /* send: a system call */
        if (!explore_fenced(s, t))
            return false;
        s->mem[D_BELL] = 1;
        GO(4);
    default:
        return false;
    }
}

static bool bell_wait(struct state *s, unsigned t, unsigned flags)
{
    switch (PC) {
    case 0: /* D1 */
        if (flags & LOOK_BEFORE_ARMING) {
            REG[0] = LD(D_COMMIT);
            GO(4);
        }
        ST(D_ARMED, 1);
        GO(1);
    case 4:
        ST(D_ARMED, 1);
        GO(1);
    case 1: /* D2 */
        if (!(flags & NO_ARM_FENCE) && !explore_fenced(s, t))
            return false;
        if (!(flags & LOOK_BEFORE_ARMING))
            REG[0] = LD(D_COMMIT);
        GO(REG[0] == 2 ? 3 : 2);
    case 2: /* asleep until the bell */
        if (!s->mem[D_BELL])
            return false;
        GO(3);
    default:
        return false;
    }
}

static bool bell_step(struct state *s, unsigned t, unsigned flags)
{
    return t ? bell_wait(s, t, flags) : bell_write(s, t, flags);
}

static void bell_end(const struct state *s, unsigned flags)
{
    (void)flags;
    if (s->thread[1].pc == 2)
        explore_wrong("commit 2 is out, the client sleeps and no bell will ring");
}

static const struct world doorbell = {"doorbell", 2, bell_begin, bell_step, bell_end};

/* ---- abort: N is used again ------------------------------------------------------------------------------------------------ */

enum { A_COMMIT, A_HEAD, A_SEQ, A_VAL = A_SEQ + 3, A_PREV = A_VAL + 3 };
enum { COMMIT_BEFORE_UNDO = 1 };

static void abort_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[A_COMMIT] = 1;
    s->mem[A_SEQ] = s->mem[A_VAL] = 1;
    s->mem[A_PREV] = NOCELL;
}

/* Transaction 2 links record 1 (value 5) and is aborted; transaction 2 again changes another key: this one keeps value 1. */
static bool abort_write(struct state *s, unsigned t, unsigned flags)
{
    switch (PC) {
    case 0:
        ST(A_SEQ + 1, 2);
        GO(1);
    case 1:
        ST(A_VAL + 1, 5);
        GO(2);
    case 2:
        ST(A_PREV + 1, 0);
        GO(3);
    case 3:
        REL(A_HEAD, 1);
        GO(flags & COMMIT_BEFORE_UNDO ? 5 : 4);
    case 4: /* undo */
        REL(A_HEAD, 0);
        GO(flags & COMMIT_BEFORE_UNDO ? 6 : 5);
    case 5:
        REL(A_COMMIT, 2);
        GO(flags & COMMIT_BEFORE_UNDO ? 4 : 6);
    default:
        return false;
    }
}

static bool abort_read(struct state *s, unsigned t)
{
    switch (PC) {
    case 0:
        REG[R_S] = LD(A_COMMIT);
        GO(1);
    case 1:
        REG[R_C] = LD(A_HEAD);
        GO(2);
    case 2:
        if (LD(A_SEQ + REG[R_C]) > REG[R_S])
            REG[R_C] = LD(A_PREV + REG[R_C]);
        GO(3);
    case 3:
        if (LD(A_VAL + REG[R_C]) != 1)
            explore_wrong("snapshot %u saw a value of an aborted transaction", REG[R_S]);
        GO(4);
    default:
        return false;
    }
}

static bool abort_step(struct state *s, unsigned t, unsigned flags)
{
    return t ? abort_read(s, t) : abort_write(s, t, flags);
}

static const struct world aborted = {"abort", 2, abort_begin, abort_step, NULL};

/* ---- hand-over: a new generation ----------------------------------------------------------------------------------------------- */

/* One object whose value counts up with each event; event v stands at position v - 1 of the change log. The old region (O) has event 1 and
 * gets event 2; its state is copied (G1) into the new one (N), committed there (G2), the old one is superseded (G3), attaching clients
 * are given the new one, which gets event 3. A follower must hear each event once, and end at the value of its snapshot. */
enum { O_COMMIT, O_HEAD, O_E, O_SUPER = O_E + 3, N_COMMIT, N_HEAD, N_FLOOR, N_STATE, N_E, CURRENT = N_E + 3 };
enum {
    SUPERSEDE_FIRST = 1,    /* G3 before G1 */
    COMMIT_BEFORE_COPY = 2, /* G2 before G1 */
    COPY_TOO_EARLY = 4,     /* G1 before the old region's last commit */
    DUAL_WRITE = 8,         /* event 3 still goes into the old region */
    LOG_ANEW = 16,          /* positions do not go on */
    END_TAKEN_EARLY = 32,   /* the follower takes the old region's end before it knows that it is superseded */
    NO_FLOOR = 64,          /* the new log does not say where it begins */
};

static void handover_begin(struct state *s, unsigned flags)
{
    (void)flags;
    s->mem[O_COMMIT] = s->mem[O_HEAD] = s->mem[O_E] = 1;
}

/* Which step comes next: the order of the whole, or a broken one. */
static unsigned handover_order(unsigned n, unsigned flags)
{
    static const uint8_t orders[][14] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},  /* last event, G1, G2, G3, answers, event 3 */
        {0, 1, 2, 7, 8, 3, 4, 5, 6, 9, 10, 11, 12},  /* SUPERSEDE_FIRST */
        {0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11, 12},  /* COMMIT_BEFORE_COPY */
        {3, 4, 5, 0, 1, 2, 6, 7, 8, 9, 10, 11, 12},  /* COPY_TOO_EARLY */
        {0, 1, 2, 3, 4, 5, 13, 14, 15, 6, 7, 8, 12}, /* DUAL_WRITE */
    };
    unsigned row = flags & SUPERSEDE_FIRST ? 1 : flags & COMMIT_BEFORE_COPY ? 2 : flags & COPY_TOO_EARLY ? 3 : flags & DUAL_WRITE ? 4 : 0;

    return orders[row][n];
}

static bool handover_write(struct state *s, unsigned t, unsigned flags)
{
    unsigned at = flags & LOG_ANEW ? 0 : 2; /* where the new log begins */

    switch (handover_order(PC, flags)) {
    case 0: /* event 2 */
        ST(O_E + 1, 2);
        break;
    case 1: /* W4 */
        REL(O_HEAD, 2);
        break;
    case 2: /* W5 */
        REL(O_COMMIT, 2);
        break;
    case 3: /* G1 */
        ST(N_STATE, LD(O_COMMIT));
        break;
    case 4:
        ST(N_HEAD, flags & LOG_ANEW ? 0 : LD(O_HEAD));
        break;
    case 5:
        ST(N_FLOOR, flags & (NO_FLOOR | LOG_ANEW) ? 0 : LD(O_HEAD));
        break;
    case 6: /* G2 */
        REL(N_COMMIT, 3);
        break;
    case 7: /* G3 */
        REL(O_SUPER, 1);
        break;
    case 8: /* a system call */
        if (!explore_fenced(s, t))
            return false;
        s->mem[CURRENT] = 1;
        break;
    case 9: /* event 3 */
        ST(N_E + at, 3);
        break;
    case 10:
        REL(N_HEAD, at + 1);
        break;
    case 11:
        REL(N_COMMIT, 4);
        break;
    case 13:
        ST(O_E + 2, 3);
        break;
    case 14:
        REL(O_HEAD, 3);
        break;
    case 15:
        REL(O_COMMIT, 3);
        break;
    default:
        return false;
    }
    GO(PC + 1);
}

/* follower registers: next position, value heard last, snapshot in the old and in the new region, rounds, a head */
enum { F_NEXT, F_VALUE, F_OLD, F_NEW, F_ROUNDS, F_TOP };

/* Hear what stands in the log from F_NEXT to F_TOP, entries of commits up to the snapshot only; `ahead`: how far commits are ahead of positions. */
static void hear(struct state *s, unsigned t, unsigned log, unsigned snapshot, unsigned ahead)
{
    for (; REG[F_NEXT] < REG[F_TOP] && REG[F_NEXT] + ahead <= snapshot; REG[F_NEXT]++) {
        uint8_t value = LD(log + REG[F_NEXT]);

        if (value != REG[F_VALUE] + 1)
            explore_wrong("after event %u the follower hears event %u", REG[F_VALUE], value);
        REG[F_VALUE] = value;
    }
}

static void judge_follower(const struct state *s, unsigned t)
{
    uint8_t value = REG[F_NEW] >= 4 ? 3 : LD(N_STATE);

    if (REG[F_VALUE] != value)
        explore_wrong("snapshot %u has value %u, the follower stands at %u", REG[F_NEW], value, REG[F_VALUE]);
}

static bool handover_follow(struct state *s, unsigned t, unsigned flags)
{
    switch (PC) {
    case 0: /* a turn in the old region */
        REG[F_OLD] = LD(O_COMMIT);
        GO(1);
    case 1:
        REG[F_TOP] = LD(O_HEAD);
        hear(s, t, O_E, REG[F_OLD], 1);
        GO(2);
    case 2: /* superseded? */
        if (LD(O_SUPER))
            GO(3);
        if (REG[F_ROUNDS]++ == 2)
            GO(9); /* enough turns */
        GO(0);
    case 3: /* attach: a system call */
        if (!s->mem[CURRENT])
            return false;
        GO(4);
    case 4: /* R4 in the new region */
        REG[F_NEW] = LD(N_COMMIT);
        if (!REG[F_NEW])
            explore_wrong("a region without a commit was handed out");
        GO(flags & END_TAKEN_EARLY ? 6 : 5);
    case 5: /* the old region's end: nothing changes it any more */
        REG[F_OLD] = LD(O_COMMIT);
        GO(6);
    case 6:
        REG[F_TOP] = LD(O_HEAD);
        hear(s, t, O_E, REG[F_OLD], 1);
        GO(7);
    case 7: /* before the new log's begin: compare instead */
        if (REG[F_NEXT] < LD(N_FLOOR)) {
            if (!(flags & END_TAKEN_EARLY))
                explore_wrong("a planned hand-over leaves a gap before position %u", LD(N_FLOOR));
            GO(9);
        }
        REG[F_TOP] = LD(N_HEAD);
        GO(8);
    case 8:
        hear(s, t, N_E, REG[F_NEW], 2);
        judge_follower(s, t);
        GO(9);
    default:
        return false;
    }
}

static bool handover_step(struct state *s, unsigned t, unsigned flags)
{
    if (t && PC == 0 && !REG[F_NEXT])
        REG[F_NEXT] = REG[F_VALUE] = 1; /* event 1 was heard */
    return t ? handover_follow(s, t, flags) : handover_write(s, t, flags);
}

static const struct world handover = {"hand-over", 2, handover_begin, handover_step, NULL};

/* ---- the verdicts ------------------------------------------------------------------------------------------------------------ */

/* `refused`: the models (bit 1 << model) under which a broken variant must be caught; 0: the protocol as it is, safe in all. */
static const struct verdict {
    const struct world *world;
    unsigned flags;
    unsigned refused;
    const char *what;
} verdicts[] = {
#define SC (1u << MODEL_SC)
#define TSO (1u << MODEL_TSO)
#define PSO (1u << MODEL_PSO)
    {&pins, 0, 0, "pinned readers"},
    {&pins, UNPINNED, 0, "readers without a pin test the horizon"},
    {&pins, REVOKING, 0, "the collector may ignore any pin, the reader tests the horizon"},
    {&two_readers, TWO_READERS, 0, "a pinned reader and one without"},
    {&pins, NO_READER_FENCE, TSO | PSO, "R3 left out"},
    {&pins, NO_WRITER_FENCE, TSO | PSO, "C1 left out"},
    {&pins, SNAPSHOT_BEFORE_PIN, SC | TSO | PSO, "R4 left out: the snapshot is taken before the pin"},
    {&pins, IGNORE_PINS, SC | TSO | PSO, "C2 left out: a pin is ignored and its reader told it expired"},
    {&pins, LOW_PIN_IS_NONE, SC | TSO | PSO, "C2: a pin below the horizon counts as none: a slow reader is told it expired"},
    {&pins, FREE_AT_ONCE, SC | TSO | PSO, "memory reused whatever its tag"},
    {&pins, COMMIT_BEFORE_LINK, SC | TSO | PSO, "W5 before W2"},
    {&pins, LINK_BEFORE_FILL, SC | TSO | PSO, "W2 before W1"},
    {&pins, UNPINNED | HORIZON_AFTER_REUSE, SC | TSO | PSO, "C4 before C3"},
    {&pins, UNPINNED | NO_RELEASE_AFTER_HORIZON, PSO, "no store fence behind C3"},
    {&postings, 0, 0, "index values come, go, and their postings are compacted"},
    {&postings, COMMIT_BEFORE_POSTING, SC | TSO | PSO, "W5 before W3"},
    {&postings, COUNT_BEFORE_ENTRY, 0, "W3: the count before the entry is harmless before the commit: the record decides"},
    {&postings, SWAP_BEFORE_CONTENT, 0, "a posting shown before it is filled holds candidates only: the record decides"},
    {&postings, DROP_WITHOUT_HORIZON, SC | TSO | PSO, "an entry dropped that a snapshot still sees"},
    {&postings, REUSE_ARRAY_AT_ONCE | DROP_WITHOUT_HORIZON, SC | TSO | PSO, "a posting reused at once"},
    {&table, 0, 0, "the table grows while readers read"},
    {&table, TABLE_BEFORE_SLOTS, SC | TSO | PSO, "the table shown before its slots"},
    {&table, TABLE_REUSED_AT_ONCE, SC | TSO | PSO, "the old table reused at once"},
    {&table, TABLE_AFTER_COMMIT, SC | TSO | PSO, "the table shown after the commit that needs it"},
    {&change_log, 0, 0, "the change log's ring is overrun"},
    {&change_log, FLOOR_AFTER_ENTRY, SC | TSO | PSO, "W4: the floor after the entry"},
    {&change_log, NO_FENCE_AFTER_FLOOR, PSO, "W4: no store fence behind the floor"},
    {&change_log, HEAD_AFTER_COMMIT, SC | TSO | PSO, "W4 after W5: the head after the commit"},
    {&change_log, FLOOR_READ_FIRST, SC | TSO | PSO, "the reader looks at the floor before the entry"},
    {&doorbell, 0, 0, "no wake-up is lost"},
    {&doorbell, NO_ARM_FENCE, TSO | PSO, "D2 left out"},
    {&doorbell, NO_RING_FENCE, TSO | PSO, "W6 left out"},
    {&doorbell, LOOK_BEFORE_ARMING, SC | TSO | PSO, "D2 before D1"},
    {&aborted, 0, 0, "an aborted commit's number is used again"},
    {&aborted, COMMIT_BEFORE_UNDO, SC | TSO | PSO, "the number told before the links are back"},
    {&handover, 0, 0, "a follower of the change log goes over to a new generation"},
    {&handover, END_TAKEN_EARLY, 0, "one that took the old end too early sees the gap by the new log's floor"},
    {&handover, SUPERSEDE_FIRST, SC | TSO | PSO, "G3 before G1 and G2"},
    {&handover, COMMIT_BEFORE_COPY, SC | TSO | PSO, "G2 before G1"},
    {&handover, COPY_TOO_EARLY, SC | TSO | PSO, "G1 before the old region's last commit"},
    {&handover, DUAL_WRITE, SC | TSO | PSO, "the old region is written after G1"},
    {&handover, LOG_ANEW, SC | TSO | PSO, "G1: positions of the log begin anew"},
    {&handover, END_TAKEN_EARLY | NO_FLOOR, SC | TSO | PSO, "G1: no floor: a follower that was late reads what never stood there"},
};

static const char *const model_names[MODELS] = {"SC", "TSO", "PSO"};

static void judge(const struct verdict *v, enum memory_model m)
{
    bool must_refuse = v->refused >> m & 1, may_refuse = v->refused != 0;
    struct result r;

    explore(v->world, m, v->flags, &r);
    if ((r.wrong && !may_refuse) || (!r.wrong && must_refuse))
        fprintf(stderr, "%s under %s: %s: %llu wrong of %llu states, %s\n", v->world->name, model_names[m], v->what,
                (unsigned long long)r.wrong, (unsigned long long)r.states, r.wrong ? r.first : "not refused");
    CU_ASSERT_TRUE(r.states > 10);
    if (must_refuse)
        CU_ASSERT_TRUE(r.wrong > 0);
    if (!may_refuse)
        CU_ASSERT_EQUAL(r.wrong, 0);
    printf("%-18s %-4s %8llu states %7llu wrong  %s\n", v->world->name, model_names[m], (unsigned long long)r.states,
           (unsigned long long)r.wrong, v->what);
}

static void judge_all(bool broken)
{
    for (unsigned i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        for (enum memory_model m = 0; m < MODELS; m++)
            if ((verdicts[i].refused != 0) == broken)
                judge(&verdicts[i], m);
}

static void the_protocol_is_safe_under_every_model(void)
{
    judge_all(false);
}

static void every_broken_variant_is_refused(void)
{
    judge_all(true);
}

TARN_TEST_MAIN("model", TARN_TEST(the_protocol_is_safe_under_every_model), TARN_TEST(every_broken_variant_is_refused))
