/* The likeliest tokens after each context of the counted text, by counts without the block of the context.
 *
 * A context goes down the tree from the unigrams to its longest node. The followers of a node are followers of the node
 * above it, so the probabilities of the followers of one node are enough for those of the nodes below it. Of the tokens
 * that do not follow a node, all keep their order, so only the likeliest tokens of the node above can be among its own.
 */
#include "counts.h"

/* What the guesses depend on, and the guesses of each token of the text. */
struct guessing {
    int64_t blocks;           /* B */
    struct smoothing smoothing;
    const float *unigrams;    /* V, B: probabilities without each block */
    token *guesses;           /* of each token of the text, GUESSES: the likeliest token first */
    uint8_t *chances;         /* of each token of the text, GUESSES: their probabilities in 255ths */
};

struct slot {
    uint32_t node; /* 1 + the first rank of the node whose follower has the slot */
    uint32_t at;
};

/* The node of one depth on the path. */
struct level {
    struct slot *slots;   /* V */
    float *probabilities; /* room, B: of each follower without each block */
    int64_t room;
    struct top top[BLOCKS];
};

struct follower {
    token token;
    uint32_t count, adjusted;
    uint32_t child;  /* 1 + the first rank of the last node below with this follower */
    uint8_t only;    /* the only block of that node that has it, or NONE */
};

struct reading {
    const struct ranks *ranks;
    const struct guessing *guessing;
    struct level *levels;       /* depths */
    struct follower *followers; /* room for V */
    uint32_t *in_block;         /* room for V, B: the count of each follower in each block */
    uint32_t *removed;          /* room for V, B: what its adjusted count loses without the block */
    int64_t size;
    int64_t first;
    uint8_t *block;             /* of each rank */
};

/* Write the likeliest tokens after the context with rank r. */
static void guess(const struct reading *reading, int64_t r, const struct top *top) {
    int64_t at = reading->ranks->at[r] * (int64_t)GUESSES;
    for (int i = 0; i < GUESSES; i++) {
        reading->guessing->guesses[at + i] = top->token[i];
        reading->guessing->chances[at + i] = (uint8_t)(top->chance[i] * 255 + 0.5f);
    }
}

/* Count the followers of the node of depth k with the ranks [begin, end), and what they lose without each block. */
static void count_followers(struct reading *reading, int64_t begin, int64_t end, int k) {
    const struct ranks *ranks = reading->ranks;
    int64_t B = reading->guessing->blocks;
    struct slot *slots = reading->levels[k].slots;
    int whole = k == ranks->depths - 1 || is_led(ranks, begin, k);
    uint32_t child = 0;
    reading->size = 0;
    for (int64_t r = begin; r < end; r++) {
        if (r == begin || ranks->shared[r] <= k) child = (uint32_t)r + 1;
        token of = ranks->follower[r];
        uint8_t block = reading->block[r - reading->first];
        if (!ranks->predictable[of]) continue;
        if (slots[of].node != (uint32_t)begin + 1) {
            slots[of] = (struct slot){(uint32_t)begin + 1, (uint32_t)reading->size};
            memset(reading->in_block + reading->size * B, 0, B * sizeof *reading->in_block);
            memset(reading->removed + reading->size * B, 0, B * sizeof *reading->removed);
            reading->followers[reading->size++] = (struct follower){of, 0, 0, 0, NONE};
        }
        uint32_t s = slots[of].at;
        struct follower *follower = reading->followers + s;
        uint32_t *removed = reading->removed + s * B;
        follower->count++;
        reading->in_block[s * B + block]++;
        if (whole) {
            follower->adjusted++;
            removed[block]++;
        } else if (has_node(ranks, r, k + 1)) {
            if (follower->child != child) {
                follower->child = child;
                follower->only = block;
                follower->adjusted++;
                removed[block]++;
            } else if (follower->only != NONE && follower->only != block) {
                removed[follower->only]--;
                follower->only = NONE;
            }
        }
    }
}

/* Compute the probabilities of the followers of a node without block b, and the likeliest tokens. node: 1 + its first
 * rank. Return whether the node has followers without the block. */
static int predict(struct reading *reading, uint32_t node, int k, int64_t b) {
    const struct smoothing *smoothing = &reading->guessing->smoothing;
    int64_t B = reading->guessing->blocks, total = 0, known = 0;
    struct level *level = reading->levels + k, *above = level - 1;
    double mass = 0;
    for (int64_t s = 0; s < reading->size; s++) {
        const struct follower *follower = reading->followers + s;
        uint32_t count = follower->count - reading->in_block[s * B + b];
        uint32_t adjusted = follower->adjusted - reading->removed[s * B + b];
        double value = value_of(smoothing, k, count, adjusted);
        total += adjusted;
        known += is_kept(smoothing, k, count, adjusted);
        mass += value;
        level->probabilities[s * B + b] = (float)value;
    }
    double backoff = known ? 1 - mass / total : 1, scale = known ? 1.0 / total : 0;
    struct top *top = level->top + b;
    *top = no_top();
    for (int64_t s = 0; s < reading->size; s++) {
        token of = reading->followers[s].token;
        float *p = level->probabilities + s * B + b;
        float before = k == 1 ? reading->guessing->unigrams[of * B + b] : above->probabilities[above->slots[of].at * B + b];
        *p = (float)(*p * scale + backoff * before);
        put(top, of, *p);
    }
    for (int i = 0; i < GUESSES; i++) {
        token of = above->top[b].token[i];
        if (above->top[b].chance[i] >= 0 && level->slots[of].node != node)
            put(top, of, (float)(backoff * above->top[b].chance[i]));
    }
    return known > 0;
}

/* Guess after the node of depth k with the ranks [begin, end), and after the nodes below it. Return 0 if there is not
 * enough memory. */
static int descend(struct reading *reading, int64_t begin, int64_t end, int k) {
    const struct ranks *ranks = reading->ranks;
    const struct guessing *guessing = reading->guessing;
    struct level *level = reading->levels + k;
    uint64_t present = 0;
    for (int64_t r = begin; r < end; r++) present |= (uint64_t)1 << reading->block[r - reading->first];
    if (!(present & (present - 1))) return 1; /* nothing remains without the only block */
    count_followers(reading, begin, end, k);
    if (!reading->size) return 1;
    if (reading->size > level->room) {
        free(level->probabilities);
        level->room = reading->size + reading->size / 2;
        level->probabilities = malloc(level->room * guessing->blocks * sizeof *level->probabilities);
        if (!level->probabilities) return 0;
    }
    int known = 0;
    for (int64_t b = 0; b < guessing->blocks; b++)
        if (present >> b & 1) known |= predict(reading, (uint32_t)begin + 1, k, b);
    if (!known) return 1; /* longer contexts are not more frequent */
    for (int64_t r = begin; r < end; r++) guess(reading, r, level->top + reading->block[r - reading->first]);
    if (k == ranks->depths - 1 || is_led(ranks, begin, k)) return 1;
    for (int64_t r = begin, last; r < end; r = last) {
        last = end_of_node(ranks, r, end, k + 1);
        if (last > r + 1 && has_node(ranks, r, k + 1) && !descend(reading, r, last, k + 1)) return 0;
    }
    return 1;
}

/* Begin with the likeliest unigrams without each block. Return 0 if there is not enough memory. */
static int begin_reading(struct reading *reading, int64_t last) {
    const struct guessing *guessing = reading->guessing;
    int64_t V = reading->ranks->vocabulary, B = guessing->blocks, size = last - reading->first;
    reading->levels = calloc(reading->ranks->depths, sizeof *reading->levels);
    reading->followers = malloc(V * sizeof *reading->followers);
    reading->in_block = malloc(V * B * sizeof *reading->in_block);
    reading->removed = malloc(V * B * sizeof *reading->removed);
    reading->block = malloc(size ? size : 1);
    if (!(reading->levels && reading->followers && reading->in_block && reading->removed && reading->block)) return 0;
    for (int64_t k = 0; k < reading->ranks->depths; k++)
        if (!(reading->levels[k].slots = calloc(V, sizeof(struct slot)))) return 0;
    for (int64_t b = 0; b < B; b++) {
        struct top *top = reading->levels[0].top + b;
        *top = no_top();
        for (int64_t v = 0; v < V; v++)
            if (reading->ranks->predictable[v]) put(top, (token)v, guessing->unigrams[v * B + b]);
    }
    for (int64_t i = 0; i < size; i++)
        reading->block[i] = block_of(&guessing->smoothing, reading->ranks->at[reading->first + i]);
    return 1;
}

static void free_reading(struct reading *reading) {
    for (int64_t k = 0; reading->levels && k < reading->ranks->depths; k++)
        free(reading->levels[k].slots), free(reading->levels[k].probabilities);
    free(reading->levels), free(reading->followers), free(reading->in_block), free(reading->removed), free(reading->block);
}

/* Write the guesses of the ranks [first, last), which are whole nodes of depth 1. Return 0 if there is not enough memory. */
EXPORT int NAME(guess)(const struct ranks *ranks, int64_t first, int64_t last, const struct guessing *guessing) {
    struct reading reading = {.ranks = ranks, .guessing = guessing, .first = first};
    int fine = begin_reading(&reading, last);
    for (int64_t r = first, end; r < last && fine; r = end) {
        end = ranks->depths > 1 ? end_of_node(ranks, r, last, 1) : r + 1;
        for (int64_t i = r; i < end; i++) guess(&reading, i, reading.levels[0].top + reading.block[i - first]);
        if (ranks->depths > 1 && end > r + 1 && has_node(ranks, r, 1)) fine = descend(&reading, r, end, 1);
    }
    free_reading(&reading);
    return fine;
}
