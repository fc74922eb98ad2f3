/* Look up every token of the counted text in counts that leave something out: its block of the text, or itself. */
#include "counts.h"

/* What the figures depend on, and the figures of each token of the text. */
struct without {
    int64_t blocks;            /* B, or 0 to leave out each token by itself */
    int64_t columns;           /* C: B, or 2: what the unigram of a token loses, 0 or 1 */
    struct smoothing smoothing;
    const float *unigrams;     /* V, C: probabilities */
    const uint8_t *counts;     /* V, C: statistics of the empty context */
    const uint8_t *followers;  /* V, C */
    float *probabilities;      /* of each token of the text; the logarithm is taken later */
    uint8_t *depth, *count, *follower; /* of each token of the text, 0 at first */
};

struct follower {
    uint32_t count, adjusted;
    uint32_t example; /* its first rank */
    uint64_t blocks;  /* the blocks that have it */
};

/* One part of a text is read after the other. Arrays over its ranks are indexed from its first rank. */
struct reading {
    const struct ranks *ranks;
    const struct without *without;
    int64_t first, last;
    struct entry *table;        /* V */
    struct follower *followers; /* room for V */
    uint32_t *in_block;         /* room for V, B: the count of each follower in each block */
    union {
        uint32_t count;
        float value;
    } *removed;                 /* room for V, B: what its adjusted count loses; then a - D(a) of what remains */
    int64_t size;
    uint32_t *slot;             /* of the follower of each rank */
    uint8_t *block;             /* of each rank */
    uint8_t *only;              /* at the first rank of an n-gram one token longer: the only block that has it, or NONE */
    float *sum, *weight;        /* P so far, and what the lower orders weigh */
    uint8_t *depth, *count, *follower;
};

static uint8_t log2_of(int64_t count) {
    uint8_t result = 0;
    for (uint64_t n = (uint64_t)count + 1; n > 1; n >>= 1) result++;
    return result;
}

static void see(struct reading *reading, int64_t i, int k, double share, double backoff, uint8_t count, int64_t followers) {
    reading->sum[i] += reading->weight[i] * (float)share;
    reading->weight[i] *= (float)backoff;
    if (!reading->depth[i]) { /* the deepest node comes first */
        reading->depth[i] = (uint8_t)k;
        reading->count[i] = count;
        reading->follower[i] = followers < 255 ? (uint8_t)followers : 255;
    }
}

/* Count the followers of the node of depth k with the ranks [begin, end), and what they lose without each block. */
static void count_followers(struct reading *reading, int64_t begin, int64_t end, int k) {
    const struct ranks *ranks = reading->ranks;
    int64_t B = reading->without->blocks;
    int whole = k == ranks->depths - 1 || is_led(ranks, begin, k);
    uint32_t child = 0;
    reading->size = 0;
    for (int64_t r = begin; r < end; r++) {
        int64_t i = r - reading->first;
        if (r == begin || ranks->shared[r] <= k) child = (uint32_t)r + 1;
        token of = ranks->follower[r];
        if (!ranks->predictable[of]) {
            reading->slot[i] = UINT32_MAX;
            continue;
        }
        struct entry *entry = reading->table + of;
        if (entry->node != (uint32_t)begin + 1) {
            *entry = (struct entry){(uint32_t)begin + 1, 0, (uint32_t)reading->size};
            if (B) {
                memset(reading->in_block + reading->size * B, 0, B * sizeof *reading->in_block);
                memset(reading->removed + reading->size * B, 0, B * sizeof *reading->removed);
            }
            reading->followers[reading->size++] = (struct follower){0, 0, (uint32_t)r, 0};
        }
        reading->slot[i] = entry->slot;
        struct follower *follower = reading->followers + entry->slot;
        follower->count++;
        if (B) {
            follower->blocks |= (uint64_t)1 << reading->block[i];
            reading->in_block[entry->slot * B + reading->block[i]]++;
        }
        if (whole) {
            follower->adjusted++;
            if (B) reading->removed[entry->slot * B + reading->block[i]].count++;
        } else if (entry->child != child && has_node(ranks, r, k + 1)) {
            follower->adjusted++;
            entry->child = child;
            if (B && reading->only[i] != NONE) reading->removed[entry->slot * B + reading->only[i]].count++;
        }
    }
}

/* The adjusted counts of all followers, their number, and the mass that discounting leaves. */
struct sums {
    int64_t total, followers;
    double mass;
};

static struct sums sums_of(const struct reading *reading, int k) {
    const struct smoothing *smoothing = &reading->without->smoothing;
    struct sums all = {0, 0, 0};
    for (int64_t s = 0; s < reading->size; s++) {
        const struct follower *follower = reading->followers + s;
        all.total += follower->adjusted;
        all.followers += is_kept(smoothing, k, follower->count, follower->adjusted);
        all.mass += value_of(smoothing, k, follower->count, follower->adjusted);
    }
    return all;
}

static void leave_out_blocks(struct reading *reading, int64_t begin, int64_t end, int k) {
    const struct smoothing *smoothing = &reading->without->smoothing;
    int64_t B = reading->without->blocks;
    uint32_t ranks_in[BLOCKS] = {0};
    uint64_t present = 0;
    for (int64_t r = begin; r < end; r++) {
        ranks_in[reading->block[r - reading->first]]++;
        present |= (uint64_t)1 << reading->block[r - reading->first];
    }
    count_followers(reading, begin, end, k);
    struct sums all = sums_of(reading, k);
    if (present & (present - 1)) { /* otherwise nothing remains without the only block */
        int64_t totals[BLOCKS] = {0}, followers[BLOCKS] = {0};
        double masses[BLOCKS] = {0};
        for (int64_t s = 0; s < reading->size; s++) {
            struct follower *follower = reading->followers + s;
            double whole = value_of(smoothing, k, follower->count, follower->adjusted);
            int was = is_kept(smoothing, k, follower->count, follower->adjusted);
            for (int64_t b = 0; b < B; b++) {
                if (!(follower->blocks >> b & 1)) continue;
                uint32_t gone = reading->removed[s * B + b].count, adjusted = follower->adjusted - gone;
                uint32_t count = follower->count - reading->in_block[s * B + b];
                double value = value_of(smoothing, k, count, adjusted);
                totals[b] += gone;
                masses[b] += whole - value;
                followers[b] += was - is_kept(smoothing, k, count, adjusted);
                reading->removed[s * B + b].value = (float)value;
            }
        }
        double backoff[BLOCKS];
        uint8_t counts[BLOCKS];
        for (int64_t b = 0; b < B; b++) {
            followers[b] = all.followers - followers[b];
            totals[b] = all.total - totals[b];
            backoff[b] = followers[b] ? 1 - (all.mass - masses[b]) / totals[b] : 0;
            counts[b] = log2_of(end - begin - ranks_in[b]);
        }
        for (int64_t r = begin; r < end; r++) {
            int64_t i = r - reading->first, b = reading->block[i];
            if (!followers[b]) continue;
            uint32_t s = reading->slot[i];
            double share = s == UINT32_MAX ? 0 : reading->removed[s * B + b].value / (double)totals[b];
            see(reading, i, k, share, backoff[b], counts[b], followers[b]);
        }
    }
    for (int64_t s = 0; s < reading->size; s++) {
        struct follower *follower = reading->followers + s;
        int64_t i = follower->example - reading->first;
        reading->only[i] = follower->blocks & (follower->blocks - 1) ? NONE : reading->block[i];
    }
}

static void leave_out_tokens(struct reading *reading, int64_t begin, int64_t end, int k) {
    const struct smoothing *smoothing = &reading->without->smoothing;
    const struct ranks *ranks = reading->ranks;
    int whole = k == ranks->depths - 1 || is_led(ranks, begin, k);
    count_followers(reading, begin, end, k);
    struct sums all = sums_of(reading, k);
    uint8_t count = log2_of(end - begin - 1);
    for (int64_t r = begin; r < end; r++) {
        int64_t i = r - reading->first, remaining = all.total, followers = all.followers;
        double without = all.mass, value = 0;
        if (reading->slot[i] != UINT32_MAX) {
            struct follower *follower = reading->followers + reading->slot[i];
            uint32_t gone = whole || reading->only[i] != NONE, adjusted = follower->adjusted - gone;
            value = value_of(smoothing, k, follower->count - 1, adjusted);
            remaining -= gone;
            without -= value_of(smoothing, k, follower->count, follower->adjusted) - value;
            followers -= is_kept(smoothing, k, follower->count, follower->adjusted);
            followers += is_kept(smoothing, k, follower->count - 1, adjusted);
            reading->only[i] = follower->count == 1 ? 0 : NONE; /* for the depth above */
        }
        if (followers) see(reading, i, k, value / remaining, 1 - without / remaining, count, followers);
    }
}

/* Finish with the unigrams, and write the figures of the ranks that were read. */
static void finish(struct reading *reading) {
    const struct without *without = reading->without;
    for (int64_t i = 0; i < reading->last - reading->first; i++) {
        int64_t r = reading->first + i, at = reading->ranks->at[r];
        int64_t column = without->blocks ? reading->block[i] : reading->only[i] != NONE || reading->ranks->depths == 1;
        int64_t cell = reading->ranks->follower[r] * without->columns + column;
        without->probabilities[at] = reading->sum[i] + reading->weight[i] * without->unigrams[cell];
        without->depth[at] = reading->depth[i];
        without->count[at] = reading->depth[i] ? reading->count[i] : without->counts[cell];
        without->follower[at] = reading->depth[i] ? reading->follower[i] : without->followers[cell];
    }
}

static void free_reading(struct reading *reading) {
    free(reading->table), free(reading->followers), free(reading->in_block), free(reading->removed);
    free(reading->slot), free(reading->block), free(reading->only);
    free(reading->sum), free(reading->weight), free(reading->depth), free(reading->count), free(reading->follower);
}

/* Begin to read the ranks [first, last). Return 0 if there is not enough memory. */
static int begin_reading(struct reading *reading, const struct ranks *ranks, const struct without *without, int64_t first,
                         int64_t last) {
    int64_t size = last - first, V = ranks->vocabulary, B = without->blocks ? without->blocks : 1;
    *reading = (struct reading){.ranks = ranks, .without = without, .first = first, .last = last};
    reading->table = calloc(V, sizeof *reading->table);
    reading->followers = malloc(V * sizeof *reading->followers);
    reading->in_block = malloc(V * B * sizeof *reading->in_block);
    reading->removed = malloc(V * B * sizeof *reading->removed);
    reading->slot = malloc(size * sizeof *reading->slot);
    reading->block = malloc(size), reading->only = malloc(size);
    reading->sum = calloc(size, sizeof *reading->sum), reading->weight = malloc(size * sizeof *reading->weight);
    reading->depth = calloc(size, 1), reading->count = malloc(size), reading->follower = malloc(size);
    if (!(reading->table && reading->followers && reading->in_block && reading->removed && reading->slot &&
          reading->block && reading->only && reading->sum && reading->weight && reading->depth && reading->count &&
          reading->follower))
        return 0;
    for (int64_t i = 0; i < size; i++) {
        reading->weight[i] = 1;
        reading->block[i] = without->blocks ? block_of(&without->smoothing, ranks->at[first + i]) : 0;
        reading->only[i] = NONE;
    }
    return 1;
}

/* Write the figures of the ranks [first, last), which are whole nodes of depth 1. Return 0 if there is not enough memory. */
EXPORT int NAME(leave_out)(const struct ranks *ranks, int64_t first, int64_t last, const struct without *without) {
    struct reading reading;
    int fine = begin_reading(&reading, ranks, without, first, last);
    for (int k = (int)ranks->depths - 1; k > 0 && fine; k--) {
        for (int64_t r = first, end; r < last; r = end) {
            end = end_of_node(ranks, r, last, k);
            if (!has_node(ranks, r, k)) continue;
            if (end == r + 1) /* nothing remains without it */
                reading.only[r - first] = reading.block[r - first];
            else if (without->blocks)
                leave_out_blocks(&reading, r, end, k);
            else
                leave_out_tokens(&reading, r, end, k);
        }
        memset(reading.table, 0, ranks->vocabulary * sizeof *reading.table);
    }
    if (fine) finish(&reading);
    free_reading(&reading);
    return fine;
}

/* Add to removed (V, B) what the adjusted count of each unigram loses without each block, for the nodes of depth 1 in the
 * ranks [first, last): the nodes after which only that block has the token. Add to ranks_in (B) their ranks in each block.
 * With a single order, a unigram loses its count. */
EXPORT int NAME(unigrams_without)(const struct ranks *ranks, int64_t first, int64_t last, const struct without *without,
                                  int64_t *removed, int64_t *ranks_in) {
    int64_t B = without->blocks;
    struct entry *table = calloc(ranks->vocabulary, sizeof *table); /* child: 1 + the only block; 0: several */
    if (!table) return 0;
    for (int64_t r = first, end; r < last; r = end) {
        end = end_of_node(ranks, r, last, 1);
        for (int64_t i = r; i < end; i++) {
            struct entry *entry = table + ranks->follower[i];
            int block = block_of(&without->smoothing, ranks->at[i]);
            ranks_in[block]++;
            if (!ranks->predictable[ranks->follower[i]]) continue;
            int64_t *of = removed + ranks->follower[i] * B;
            if (ranks->depths == 1) {
                of[block]++;
            } else if (entry->node != (uint32_t)r + 1) {
                *entry = (struct entry){(uint32_t)r + 1, (uint32_t)block + 1, 0};
                of[block]++;
            } else if (entry->child && entry->child != (uint32_t)block + 1) {
                of[entry->child - 1]--;
                entry->child = 0;
            }
        }
    }
    free(table);
    return 1;
}
