/* Look up the tokens of a text in a tree of contexts, and whole distributions. */
#include <math.h>

#include "counts.h"

/* The nodes of one depth, as in tree.py. */
struct nodes {
    const token *tokens;
    const uint32_t *children;
    const uint8_t *counts;
    const uint32_t *starts;
    const token *following;
    const float *shares, *backoff;
};

struct tree {
    int64_t depths, vocabulary, count, followers; /* the last two of the empty context */
    const struct nodes *nodes;                    /* depths - 1, from depth 1 */
    const float *unigrams;
};

/* Return the index of a token among the ascending tokens [first, last), or -1. */
static int64_t find(const token *tokens, uint32_t first, uint32_t last, token wanted) {
    while (last - first > 8) {
        uint32_t middle = first + (last - first) / 2;
        if (tokens[middle] <= wanted)
            first = middle;
        else
            last = middle;
    }
    for (; first < last; first++)
        if (tokens[first] == wanted) return first;
    return -1;
}

/* Write the indices of the nodes of a context of `size` tokens that ends before `end`; return how many are known. */
static int walk(const struct tree *tree, const token *end, int64_t size, uint32_t *path) {
    int64_t node = 0;
    int depth = 0;
    for (; depth < size && depth < tree->depths - 1; depth++) {
        const struct nodes *nodes = tree->nodes + depth;
        token of = end[-1 - depth];
        node = find(nodes->tokens, nodes->children[node], nodes->children[node + 1], of);
        if (node < 0) break;
        path[depth] = (uint32_t)node;
        if (of == START) return depth + 1;
    }
    return depth;
}

/* The same for a context of `size` whole numbers, of which one that stands for no token is unknown. */
static int walk_back(const struct tree *tree, const int64_t *context, int64_t size, uint32_t *path) {
    token last[256];
    int64_t known = size < tree->depths - 1 ? size : tree->depths - 1;
    for (int64_t i = 0; i < known; i++) last[i] = (token)context[size - known + i];
    return walk(tree, last + known, known, path);
}

/* P of a token after the context of a path. */
static double probability(const struct tree *tree, const uint32_t *path, int depth, token wanted) {
    double p = tree->unigrams[wanted];
    for (int k = 0; k < depth; k++) {
        const struct nodes *nodes = tree->nodes + k;
        int64_t at = find(nodes->following, nodes->starts[path[k]], nodes->starts[path[k] + 1], wanted);
        p *= nodes->backoff[path[k]];
        if (at >= 0) p += nodes->shares[at];
    }
    return p;
}

static void statistics(const struct tree *tree, const uint32_t *path, int depth, uint8_t *out) {
    out[0] = (uint8_t)depth;
    out[1] = (uint8_t)tree->count;
    uint32_t followers = (uint32_t)tree->followers;
    if (depth) {
        const struct nodes *nodes = tree->nodes + depth - 1;
        out[1] = nodes->counts[path[depth - 1]];
        followers = nodes->starts[path[depth - 1] + 1] - nodes->starts[path[depth - 1]];
    }
    out[2] = followers < 255 ? (uint8_t)followers : 255;
}

/* Write P of the tokens [first, last) of a text, and statistics (3) of each. */
EXPORT void NAME(look_up)(const struct tree *tree, const token *ids, const uint8_t *context, int64_t first, int64_t last,
                          double *probabilities, uint8_t *out) {
    uint32_t path[256];
    for (int64_t i = first; i < last; i++) {
        int depth = walk(tree, ids + i, context[i], path);
        probabilities[i] = context[i] ? probability(tree, path, depth, ids[i]) : 0;
        statistics(tree, path, depth, out + 3 * i);
    }
}

/* Write P of a target after each of `rows` contexts of `size` tokens, and statistics (3) of each. */
EXPORT void NAME(look_up_after)(const struct tree *tree, const int64_t *contexts, int64_t rows, int64_t size,
                                const int64_t *targets, double *probabilities, uint8_t *out) {
    uint32_t path[256];
    for (int64_t row = 0; row < rows; row++) {
        int depth = walk_back(tree, contexts + row * size, size, path);
        probabilities[row] = probability(tree, path, depth, (token)targets[row]);
        statistics(tree, path, depth, out + 3 * row);
    }
}

/* Write the probabilities (V) after the context of a path. */
static void distribute(const struct tree *tree, const uint32_t *path, int depth, float *probabilities) {
    double weight = 1;
    double weights[256];
    for (int k = depth; k-- > 0; weight *= tree->nodes[k].backoff[path[k]]) weights[k] = weight;
    for (int64_t v = 0; v < tree->vocabulary; v++) probabilities[v] = (float)(tree->unigrams[v] * weight);
    for (int k = 0; k < depth; k++) {
        const struct nodes *nodes = tree->nodes + k;
        for (uint32_t i = nodes->starts[path[k]]; i < nodes->starts[path[k] + 1]; i++)
            probabilities[nodes->following[i]] += (float)(nodes->shares[i] * weights[k]);
    }
}

/* Write the probabilities (V) after each of `rows` contexts of `size` tokens, and statistics (3) of each. */
EXPORT void NAME(distributions)(const struct tree *tree, const int64_t *contexts, int64_t rows, int64_t size,
                                float *probabilities, uint8_t *out) {
    uint32_t path[256];
    for (int64_t row = 0; row < rows; row++, probabilities += tree->vocabulary) {
        int depth = walk_back(tree, contexts + row * size, size, path);
        distribute(tree, path, depth, probabilities);
        statistics(tree, path, depth, out + 3 * row);
    }
}

/* Write the likeliest tokens (GUESSES) after each of `rows` contexts of `size` tokens, and their probabilities. work: V. */
EXPORT void NAME(guesses)(const struct tree *tree, const int64_t *contexts, int64_t rows, int64_t size, float *work,
                          int64_t *tokens, float *chances) {
    uint32_t path[256];
    for (int64_t row = 0; row < rows; row++) {
        distribute(tree, path, walk_back(tree, contexts + row * size, size, path), work);
        struct top top = no_top();
        for (int64_t v = 0; v < tree->vocabulary; v++) put(&top, (token)v, work[v]);
        for (int i = 0; i < GUESSES; i++) {
            tokens[row * GUESSES + i] = top.token[i];
            chances[row * GUESSES + i] = top.chance[i];
        }
    }
}

#if WIDTH == 8
/* Return the number of this interface. library.py loads no other one, such as that of older sources. */
EXPORT int revision(void) { return 4; }
#endif
