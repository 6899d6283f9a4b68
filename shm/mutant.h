/* mutant.h - faults that only tests/torture compiles in, to show that its tests would see them. Elsewhere they are constant false. */
#ifndef TARN_SHM_MUTANT_H
#define TARN_SHM_MUTANT_H

enum tarn_mutant {
    TARN_MUTANT_NONE,
    TARN_MUTANT_PUBLISH_EARLY, /* W5 before W2 */
    TARN_MUTANT_LINK_FIRST,    /* W2 before W1 */
    TARN_MUTANT_IGNORE_PINS,   /* C2 left out */
    TARN_MUTANT_FREE_AT_ONCE,  /* C4 whatever the tag */
    TARN_MUTANT_DROP_EARLY,    /* an entry leaves its posting before the horizon */
    TARN_MUTANT_LATE_POSTING,  /* W3 left out for updates */
};

#ifdef TARN_MUTANTS
extern enum tarn_mutant tarn_mutant;
#define TARN_MUTANT(m) (tarn_mutant == TARN_MUTANT_##m)
#else
#define TARN_MUTANT(m) 0
#endif

#endif
