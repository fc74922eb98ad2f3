/* What the files of this folder share. Each is compiled once for each width of a token: WIDTH is 8, 16 or 32.
 *
 * The ranks of a text are its tokens but START, ordered by their contexts read backwards. The contexts of k tokens that are
 * equal, a node of depth k, are then neighbors, and so are the nodes below it. All functions count in integers; only
 * `left_out.c` and `look_up.c` have probabilities.
 */
#ifndef CHARLM_COUNTS_H
#define CHARLM_COUNTS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define NAME2(name, width) name##_##width
#define NAME1(name, width) NAME2(name, width)
#define NAME(name) NAME1(name, WIDTH)

#if WIDTH == 8
typedef uint8_t token;
#elif WIDTH == 16
typedef uint16_t token;
#else
typedef uint32_t token;
#endif

enum { START = 1, MOST = 255, NONE = 255, LED = 128 };

/* A text in the order of its ranks. */
struct ranks {
    int64_t size;             /* N ranks */
    int64_t vocabulary;       /* V */
    int64_t depths;           /* depths of the tree, from 0 to depths - 1: the order of the n-grams */
    const token *ids;         /* the text */
    const uint8_t *context;   /* tokens of context of each token of the text, at most `depths` */
    const uint8_t *predictable; /* V */
    uint32_t *at;             /* N: the offset in the text */
    uint8_t *shared;          /* N: context tokens that a rank shares with the rank before it */
    token *follower;          /* N: ids[at] */
    uint8_t *reach;           /* N: context[at], and LED if the context goes back to START */
};

/* Return whether rank r has a node of depth k, and whether that node begins with START. */
static inline int has_node(const struct ranks *ranks, int64_t r, int k) { return (ranks->reach[r] & (LED - 1)) >= k; }
static inline int is_led(const struct ranks *ranks, int64_t r, int k) { return ranks->reach[r] == (LED | k); }

/* Return the end of the node of depth k that begins at rank r. */
static inline int64_t end_of_node(const struct ranks *ranks, int64_t r, int64_t last, int k) {
    int64_t end = r + 1;
    while (end < last && ranks->shared[end] >= k) end++;
    return end;
}

/* What a token has as a follower of the node that is being read. */
struct entry {
    uint32_t node, child; /* 1 + the first rank of that node, and of the last node below it with this follower */
    uint32_t slot;        /* its number among the followers of the node */
};

enum { BLOCKS = 64 };

/* What probabilities without a block of the text depend on. */
struct smoothing {
    const uint32_t *cuts;     /* depths: the count of an n-gram that is kept */
    const double *discounts;  /* depths, 4: D of an adjusted count of 0, 1, 2, 3 or more */
    const int64_t *ends;      /* where each block ends in the text */
};

/* Whether an n-gram with k tokens of context is kept. */
static inline int is_kept(const struct smoothing *smoothing, int k, uint32_t count, uint32_t adjusted) {
    return adjusted && count >= smoothing->cuts[k];
}

/* Return a - D(a) of an n-gram with k tokens of context, or 0 if it is not kept. */
static inline double value_of(const struct smoothing *smoothing, int k, uint32_t count, uint32_t adjusted) {
    if (!is_kept(smoothing, k, count, adjusted)) return 0;
    return adjusted - smoothing->discounts[4 * k + (adjusted < 3 ? adjusted : 3)];
}

/* Return the block of a token of the text. */
static inline uint8_t block_of(const struct smoothing *smoothing, int64_t at) {
    uint8_t block = 0;
    while (at >= smoothing->ends[block]) block++;
    return block;
}

enum { GUESSES = 2 };

/* The likeliest tokens, the first one first. */
struct top {
    token token[GUESSES];
    float chance[GUESSES];
};

static inline struct top no_top(void) {
    struct top top = {{0}, {0}};
    for (int i = 0; i < GUESSES; i++) top.chance[i] = -1;
    return top;
}

/* Put a token among the likeliest ones. Of equally likely tokens, the one with the lower id comes first. */
static inline void put(struct top *top, token of, float chance) {
    int at = GUESSES;
    while (at > 0 && (chance > top->chance[at - 1] || (chance == top->chance[at - 1] && of < top->token[at - 1]))) at--;
    if (at == GUESSES) return;
    for (int i = GUESSES - 1; i > at; i--) top->token[i] = top->token[i - 1], top->chance[i] = top->chance[i - 1];
    top->token[at] = of;
    top->chance[at] = chance;
}

#endif
