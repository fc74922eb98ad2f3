/* Count the followers of each node: first to choose what to drop, then to write what is kept. */
#include "counts.h"

struct follower {
    token token;
    uint32_t count, adjusted;
};

/* The followers of one node, and a table of where each token is among them. */
struct node {
    struct entry *table;        /* V, 0 at first */
    struct follower *followers; /* room for V */
    int64_t size;
};

static int make_node(struct node *node, int64_t vocabulary) {
    node->table = calloc(vocabulary, sizeof *node->table);
    node->followers = malloc(vocabulary * sizeof *node->followers);
    return node->table && node->followers;
}

static void free_node(struct node *node) {
    free(node->table);
    free(node->followers);
}

/* Count the followers of the node of depth k with the ranks [first, last). */
static void count_followers(const struct ranks *ranks, struct node *node, int64_t first, int64_t last, int k) {
    int whole = k == ranks->depths - 1 || is_led(ranks, first, k); /* whether the adjusted count is the count */
    uint32_t child = 0;
    node->size = 0;
    for (int64_t r = first; r < last; r++) {
        if (r == first || ranks->shared[r] <= k) child = (uint32_t)r + 1;
        token of = ranks->follower[r];
        if (!ranks->predictable[of]) continue;
        struct entry *entry = node->table + of;
        if (entry->node != (uint32_t)first + 1) {
            *entry = (struct entry){(uint32_t)first + 1, 0, (uint32_t)node->size};
            node->followers[node->size++] = (struct follower){of, 0, 0};
        }
        struct follower *follower = node->followers + entry->slot;
        follower->count++;
        if (whole)
            follower->adjusted++;
        else if (entry->child != child && has_node(ranks, r, k + 1)) {
            follower->adjusted++;
            entry->child = child;
        }
    }
}

/* Tally the depths [k, depth_end) of the ranks [first, last), which are whole nodes of depth k. For each depth: numbers (4),
 * the n-grams with an adjusted count of 1, 2, 3 and 4; grams (MOST + 1), the n-grams of each count; nodes (MOST + 1), the
 * nodes by the count of their most frequent follower; width (1), the largest number of followers. Return 0 without memory. */
EXPORT int NAME(tally)(const struct ranks *ranks, int64_t first, int64_t last, int k, int depth_end, int64_t *numbers,
                       int64_t *grams, int64_t *nodes) {
    struct node node;
    int fine = make_node(&node, ranks->vocabulary);
    for (; k < depth_end && fine; k++, numbers += 4, grams += MOST + 1, nodes += MOST + 1) {
        for (int64_t r = first, end; r < last; r = end) {
            end = end_of_node(ranks, r, last, k);
            if (!has_node(ranks, r, k)) continue;
            if (end == r + 1) { /* the usual case, far down: one token, seen once */
                if (!ranks->predictable[ranks->follower[r]]) continue;
                if (k < ranks->depths - 1 && !is_led(ranks, r, k) && !has_node(ranks, r, k + 1)) continue;
                numbers[0]++, grams[1]++, nodes[1]++;
                continue;
            }
            count_followers(ranks, &node, r, end, k);
            uint32_t most = 0;
            for (int64_t i = 0; i < node.size; i++) {
                uint32_t count = node.followers[i].count, adjusted = node.followers[i].adjusted;
                if (!adjusted) continue;
                if (adjusted <= 4) numbers[adjusted - 1]++;
                grams[count < MOST ? count : MOST]++;
                if (count > most) most = count;
            }
            if (most) nodes[most < MOST ? most : MOST]++;
        }
        memset(node.table, 0, ranks->vocabulary * sizeof *node.table); /* the first ranks of the next depth are the same */
    }
    free_node(&node);
    return fine;
}

/* What is kept of the nodes of one depth. */
struct level {
    token *tokens;       /* n: the first token of each context */
    uint32_t *first;     /* n: the first rank of each node */
    uint32_t *counts;    /* n */
    int64_t *totals;     /* n: Σ a */
    uint32_t *sizes;     /* n: followers that are kept */
    token *following;    /* m */
    uint32_t *adjusted;  /* m: a */
};

static int by_token(const void *a, const void *b) {
    token x = ((const struct follower *)a)->token, y = ((const struct follower *)b)->token;
    return (x > y) - (x < y);
}

static void sort_followers(struct follower *followers, int64_t size) {
    if (size > 32) {
        qsort(followers, size, sizeof *followers, by_token);
        return;
    }
    for (int64_t i = 1; i < size; i++) {
        struct follower moved = followers[i];
        int64_t to = i;
        for (; to && followers[to - 1].token > moved.token; to--) followers[to] = followers[to - 1];
        followers[to] = moved;
    }
}

/* Write the nodes of depth k in the ranks [first, last), and the n-grams with a count of at least `cut`. */
EXPORT int NAME(write)(const struct ranks *ranks, int64_t first, int64_t last, int k, uint32_t cut, const struct level *level) {
    struct node node;
    int fine = make_node(&node, ranks->vocabulary);
    int64_t n = 0, m = 0;
    for (int64_t r = first, end; r < last && fine; r = end) {
        end = end_of_node(ranks, r, last, k);
        if (end - r < cut || !has_node(ranks, r, k)) continue;
        count_followers(ranks, &node, r, end, k);
        int64_t kept = 0, total = 0;
        for (int64_t i = 0; i < node.size; i++) {
            struct follower follower = node.followers[i];
            total += follower.adjusted;
            if (follower.adjusted && follower.count >= cut) node.followers[kept++] = follower;
        }
        if (!kept) continue;
        sort_followers(node.followers, kept);
        for (int64_t i = 0; i < kept; i++, m++) {
            level->following[m] = node.followers[i].token;
            level->adjusted[m] = node.followers[i].adjusted;
        }
        level->tokens[n] = k ? ranks->ids[ranks->at[r] - k] : 0;
        level->first[n] = (uint32_t)r;
        level->counts[n] = (uint32_t)(end - r);
        level->totals[n] = total;
        level->sizes[n++] = (uint32_t)kept;
    }
    free_node(&node);
    return fine;
}
