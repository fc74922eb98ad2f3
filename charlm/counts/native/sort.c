/* Order the tokens of a text by their contexts, read backwards. */
#include "counts.h"

enum { PER = 64 / WIDTH, FEW = 24, MANY = 1 << 19 };
#define ABSENT ((token)-1) /* where a context ends: no token has this id */

struct item {
    uint64_t key; /* PER tokens of context, the nearest first */
    uint32_t at;
};

static uint64_t key_of(const struct ranks *ranks, uint32_t at, int depth) {
    int more = ranks->context[at] - depth;
    const token *before = ranks->ids + at - depth;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && WIDTH == 8
    if (more >= PER) {
        uint64_t key;
        memcpy(&key, before - PER, sizeof key);
        return key;
    }
#endif
    uint64_t key = 0;
    for (int i = 1; i <= PER; i++) key = key << WIDTH | (i <= more ? before[-i] : ABSENT);
    return key;
}

static int limited(const struct ranks *ranks, int shared, uint32_t a, uint32_t b) {
    int most = (int)ranks->depths - 1;
    if (ranks->context[a] < most) most = ranks->context[a];
    if (ranks->context[b] < most) most = ranks->context[b];
    return shared < most ? shared : most;
}

/* Sort by the bytes of the keys from `shift` down; equal keys keep their order. */
static void by_bytes(struct item *items, struct item *room, int64_t size, int shift) {
    for (;; shift -= 8) {
        if (size <= FEW) {
            for (int64_t i = 1; i < size; i++) {
                struct item moved = items[i];
                int64_t to = i;
                for (; to && items[to - 1].key > moved.key; to--) items[to] = items[to - 1];
                items[to] = moved;
            }
            return;
        }
        int64_t begins[257] = {0};
        for (int64_t i = 0; i < size; i++) begins[(items[i].key >> shift & 255) + 1]++;
        if (begins[(items[0].key >> shift & 255) + 1] == size) { /* all the same */
            if (!shift) return;
            continue;
        }
        for (int byte = 0; byte < 256; byte++) begins[byte + 1] += begins[byte];
        int64_t next[256];
        memcpy(next, begins, sizeof next);
        for (int64_t i = 0; i < size; i++) room[next[items[i].key >> shift & 255]++] = items[i];
        memcpy(items, room, size * sizeof *items);
        if (!shift) return;
        for (int byte = 0; byte < 256; byte++)
            if (begins[byte + 1] - begins[byte] > 1)
                by_bytes(items + begins[byte], room, begins[byte + 1] - begins[byte], shift - 8);
        return;
    }
}

/* Sort the ranks from `first` on, whose contexts share `depth` tokens; shared[first] is known. */
static void by_keys(const struct ranks *ranks, struct item *items, struct item *room, int64_t first, int64_t size, int depth) {
    if (depth >= ranks->depths - 1 || size == 1) {
        for (int64_t i = 0; i < size; i++) {
            ranks->at[first + i] = items[i].at;
            if (i) ranks->shared[first + i] = (uint8_t)limited(ranks, depth, items[i - 1].at, items[i].at);
        }
        return;
    }
    for (int64_t i = 0; i < size; i++) items[i].key = key_of(ranks, items[i].at, depth);
    by_bytes(items, room, size, 56);
    for (int64_t begin = 0, end; begin < size; begin = end) {
        uint64_t key = items[begin].key;
        for (end = begin + 1; end < size && items[end].key == key; end++) {}
        uint32_t last = items[end - 1].at;
        uint64_t change = end < size ? key ^ items[end].key : 0;
        uint32_t after = end < size ? items[end].at : 0;
        by_keys(ranks, items + begin, room, first + begin, end - begin, depth + PER);
        if (change) {
            int equal = 0;
            while (!(change >> (64 - WIDTH * (equal + 1)))) equal++;
            ranks->shared[first + end] = (uint8_t)limited(ranks, depth + equal, last, after);
        }
    }
}

/* Sort the ranks [first, last), whose contexts share `depth` tokens, in bounded memory. Return 0 if there is not enough. */
static int by_tokens(const struct ranks *ranks, int64_t first, int64_t last, int depth) {
    int64_t size = last - first;
    if (size <= MANY || depth >= ranks->depths - 1 || WIDTH == 32) {
        struct item *items = malloc(2 * size * sizeof *items);
        if (!items) return 0;
        for (int64_t i = 0; i < size; i++) items[i].at = ranks->at[first + i];
        by_keys(ranks, items, items + size, first, size, depth);
        free(items);
        return 1;
    }
    int64_t tokens = (int64_t)1 << (WIDTH & 31);
    uint32_t *room = malloc(size * sizeof *room);
    int64_t *begins = calloc(2 * tokens + 1, sizeof *begins), *next = begins + tokens + 1;
    int fine = room && begins;
    if (fine) {
#define TOKEN(at) (ranks->context[at] > depth ? ranks->ids[(at) - depth - 1] : ABSENT)
        for (int64_t r = first; r < last; r++) begins[TOKEN(ranks->at[r]) + 1]++;
        for (int64_t i = 0; i < tokens; i++) begins[i + 1] += begins[i];
        memcpy(next, begins, tokens * sizeof *next);
        for (int64_t r = first; r < last; r++) room[next[TOKEN(ranks->at[r])]++] = ranks->at[r];
        memcpy(ranks->at + first, room, size * sizeof *room);
    }
    free(room);
    for (int64_t i = 0; i < tokens && fine; i++) {
        int64_t from = first + begins[i], to = first + begins[i + 1];
        if (from == to) continue;
        if (from > first) ranks->shared[from] = (uint8_t)limited(ranks, depth, ranks->at[from - 1], ranks->at[from]);
        fine = by_tokens(ranks, from, to, depth + 1);
    }
    free(begins);
    return fine;
}

/* Put the offset of each token with a context into `at`, by the last token of its context. begins: (V + 1,), where the
 * ranks of each begin. Return the number of ranks. */
EXPORT int64_t NAME(by_last_token)(const struct ranks *ranks, int64_t length, int64_t *begins, int64_t *next) {
    memset(begins, 0, (ranks->vocabulary + 1) * sizeof *begins);
    for (int64_t i = 0; i < length; i++)
        if (ranks->context[i]) begins[ranks->ids[i - 1] + 1]++;
    for (int64_t i = 0; i < ranks->vocabulary; i++) begins[i + 1] += begins[i];
    memcpy(next, begins, ranks->vocabulary * sizeof *next);
    for (int64_t i = 0; i < length; i++)
        if (ranks->context[i]) ranks->at[next[ranks->ids[i - 1]]++] = (uint32_t)i;
    return begins[ranks->vocabulary];
}

/* Sort the ranks [first, last), which are all ranks of some last tokens. Return 0 if there is not enough memory. */
EXPORT int NAME(sort)(const struct ranks *ranks, int64_t first, int64_t last) {
    for (int64_t begin = first, end; begin < last; begin = end) {
        token of = ranks->ids[ranks->at[begin] - 1];
        for (end = begin + 1; end < last && ranks->ids[ranks->at[end] - 1] == of; end++) {}
        if (!by_tokens(ranks, begin, end, 1)) return 0;
        ranks->shared[begin] = 0;
    }
    for (int64_t r = first; r < last; r++) {
        uint32_t at = ranks->at[r];
        int context = ranks->context[at];
        ranks->follower[r] = ranks->ids[at];
        ranks->reach[r] = (uint8_t)(context | (ranks->ids[at - context] == START ? LED : 0));
    }
    return 1;
}
