/* Sampling: a whole network step by step, with its weights packed beforehand, and the draw of the next tokens.
 *
 * A thread owns some units of each layer and some rows of the draw. The mixture with counts is that of mixed.py. The
 * filters compute what the samplers of these names in generation/samplers compute.
 */
#include <math.h>

#include "gates.h"

void NAME(pack)(const float *w, float *to, int64_t gates, int64_t H, int64_t inner) {
    pack_units(w, to, gates, H, inner, 0, H);
}

/* out (B, gates, H) = a (B, inner) · packed w + bias, for units [first, last). */
INLINE void dense_rows(int rows, int lanes, int gates, int64_t b, int64_t unit, const float *a, const float *w,
                       const float *bias, float *out, int64_t H, int64_t inner) {
    vf acc[ROWS * 4];
    biased_product(acc, rows, lanes, gates, bias + unit, H, a + b * inner, w, inner);
    for (int r = 0; r < rows; r++)
        for (int gate = 0; gate < gates; gate++)
            store_units(out + ((b + r) * gates + gate) * H + unit, acc[r * gates + gate], lanes);
}

INLINE void dense_units(int full, int gates, const float *a, const float *packed, const float *bias, float *out, int64_t B,
                        int64_t H, int64_t inner, int64_t first, int64_t last) {
    BY_UNITS(first, last, {
        const float *w = packed + unit * inner * gates;
        BY_ROWS(full, B, dense_rows(rows, lanes, gates, b, unit, a, w, bias, out, H, inner));
    });
}

static void dense(int64_t gates, const float *a, const float *packed, const float *bias, float *out, int64_t B, int64_t H,
                  int64_t inner, int64_t first, int64_t last) {
    if (gates == 1) dense_units(ROWS, 1, a, packed, bias, out, B, H, inner, first, last);
    if (gates == 2) dense_units(ROWS, 2, a, packed, bias, out, B, H, inner, first, last);
    if (gates == 3) dense_units(ROWS, 3, a, packed, bias, out, B, H, inner, first, last);
    if (gates == 4) dense_units(LSTM_ROWS, 4, a, packed, bias, out, B, H, inner, first, last);
}

#define STEP(cell, gates, full)                                                                \
    BY_UNITS(first, last, {                                                                    \
        const float *w = layer->packed_hh + unit * H * gates;                                  \
        BY_ROWS(full, B, cell##_rows(rows, lanes, &it, b, unit, layer->state + b * H, w));     \
    })
#define LINEAR_STEP(cell) \
    for (int64_t b = 0; b < B; b++) BY_UNITS(first, last, cell##_step(lanes, &it, b, unit))

/* Find the likeliest tokens of a distribution. Of equally likely tokens, the one with the lower id comes first. */
static void guess(const float *counted, int64_t V, int64_t *tokens, float *chances) {
    for (int g = 0; g < GUESSES; g++) tokens[g] = 0, chances[g] = -1;
    for (int64_t v = 0; v < V; v++) {
        int at = GUESSES;
        while (at > 0 && counted[v] > chances[at - 1]) at--;
        if (at == GUESSES) continue;
        for (int g = GUESSES - 1; g > at; g--) tokens[g] = tokens[g - 1], chances[g] = chances[g - 1];
        tokens[at] = v;
        chances[at] = counted[v];
    }
}

/* Ask the counts for the distribution after the token that row b reads. */
static void count(const struct stack *stack, int64_t b) {
    const struct mixture *mixture = stack->mixture;
    const int64_t V = stack->symbols, C = mixture->size;
    int64_t *context = mixture->contexts + b * C;
    memmove(context, context + 1, sizeof *context * (C - 1));
    context[C - 1] = stack->ids[b];
    float *counted = mixture->counted + b * V;
    mixture->distributions(mixture->tree, context, 1, C, counted, mixture->statistics + 3 * b);
    const struct guide *guide = mixture->guide;
    if (guide) guess(counted, V, guide->tokens + b * GUESSES, guide->chances + b * GUESSES);
}

/* Read a token in each row, and compute the next states and logits (B, V). */
static void step(const struct stack *stack, float *logits, struct team *team) {
    const int64_t B = stack->B, H = stack->H, gates = stack->gates;
    int64_t first, last;
    share(team, H, &first, &last);
    for (int64_t l = 0; l < stack->layers; l++) {
        const struct layer *layer = &stack->layer[l];
        struct recurrence it = {.T = 1, .B = B, .H = H, .activation = stack->activation};
        it.bias = layer->bias_hh;
        it.output = layer->state;
        it.memory = layer->memory;
        if (l == 0) {
            it.ids = stack->ids;
            it.table = stack->table;
        } else {
            it.projected = stack->projected;
            dense(gates, stack->layer[l - 1].state + B * H, layer->packed_ih, layer->bias_ih, stack->projected, B, H, H, first, last);
        }
        switch (stack->cell) {
            case GRU: STEP(gru, 3, ROWS); break;
            case LSTM: STEP(lstm, 4, LSTM_ROWS); break;
            case RNN: STEP(rnn, 1, ROWS); break;
            case GRU_SIMPLE: STEP(gru_simple, 2, ROWS); break;
            case GRU_CHO:
                it.gated = stack->gated;
                STEP(gru_cho_gate, 3, ROWS);
                meet(team);
                STEP(gru_cho_state, 3, GRU_CHO_ROWS);
                break;
            case MINGRU: LINEAR_STEP(mingru); break;
            case MINLSTM: LINEAR_STEP(minlstm); break;
        }
        meet(team);
    }
    for (int64_t l = 0; l < stack->layers; l++) { /* the state after this step is the state before the next */
        const struct layer *layer = &stack->layer[l];
        for (int64_t b = 0; b < B; b++) {
            memcpy(layer->state + b * H + first, layer->state + (B + b) * H + first, sizeof(float) * (last - first));
            if (layer->memory)
                memcpy(layer->memory + b * H + first, layer->memory + (B + b) * H + first, sizeof(float) * (last - first));
        }
    }
    const float *outputs = stack->layer[stack->layers - 1].state + B * H;
    if (stack->mixture && stack->mixture->guide) {
        NAME(guide)(stack->mixture->guide, first, last);
        outputs = stack->mixture->guide->guided;
        meet(team);
    }
    share(team, stack->V, &first, &last);
    dense(1, outputs, stack->packed_readout, stack->bias_readout, logits, B, stack->V, H, first, last);
}

/* ---- Groups of an adaptive readout ---- */

/* Turn the logits of one row into log P: those of each group's tokens are normalized within the group first. */
static void normalize(const struct stack *stack, float *logits) {
    const int64_t V = stack->symbols;
    for (int64_t g = 0; g < stack->groups; g++) {
        double best = -INFINITY, total = 0;
        for (int64_t i = stack->ends[g]; i < stack->ends[g + 1]; i++)
            if (logits[stack->members[i]] > best) best = logits[stack->members[i]];
        if (best == -INFINITY) continue; /* nothing in this group can occur */
        for (int64_t i = stack->ends[g]; i < stack->ends[g + 1]; i++) total += exp(logits[stack->members[i]] - best);
        double shift = logits[V + g] - best - log(total);
        for (int64_t i = stack->ends[g]; i < stack->ends[g + 1]; i++) logits[stack->members[i]] += (float)shift;
    }
    double best = -INFINITY, total = 0;
    for (int64_t i = 0; i < V; i++)
        if (logits[i] > best) best = logits[i];
    for (int64_t i = 0; i < V; i++) total += exp(logits[i] - best);
    for (int64_t i = 0; i < V; i++) logits[i] -= (float)(best + log(total));
}

/* ---- The mixture with counts ---- */

/* Return the logit of the gate: G[cell] + u · h / H. */
static double gate_of(const struct stack *stack, const float *h, const uint8_t *statistics) {
    const struct mixture *mixture = stack->mixture;
    int64_t cell = 0;
    for (int i = 0; i < 3; i++) cell += mixture->cell_parts[i * 256 + statistics[i]];
    vf sums = {0};
    BY_UNITS(0, stack->H, sums += load_units(mixture->gate_vector + unit, lanes) * load_units(h + unit, lanes));
    double product = 0;
    for (int lane = 0; lane < LANES; lane++) product += sums[lane];
    return mixture->gate_table[cell] + product / stack->H;
}

/* Turn the network's logits of row b, after it has read a token, into log P of the mixture. */
static void mix(const struct stack *stack, int64_t b, float *logits) {
    const struct mixture *mixture = stack->mixture;
    const int64_t V = stack->symbols;
    const float *counted = mixture->counted + b * V;
    double gate = gate_of(stack, stack->layer[stack->layers - 1].state + b * stack->H, mixture->statistics + 3 * b);
    double *x = stack->work + b * stack->V, best = -INFINITY, total = 0;
    for (int64_t i = 0; i < V; i++)
        if (logits[i] > best) best = logits[i];
    for (int64_t i = 0; i < V; i++) total += x[i] = exp(logits[i] - best);
    double share = 1 / (1 + exp(-gate)), rest = 1 / (1 + exp(gate)) / total;
    for (int64_t i = 0; i < V; i++)
        if (logits[i] != -INFINITY) logits[i] = (float)log(rest * x[i] + share * counted[i]);
}

/* ---- The draw ---- */

static double largest(const double *x, int64_t V) {
    double best = -INFINITY;
    for (int64_t i = 0; i < V; i++)
        if (x[i] > best) best = x[i];
    return best;
}

static void temperature(double *x, int64_t V, double tau) {
    double best = largest(x, V);
    int found = 0;
    for (int64_t i = 0; i < V; i++)
        if (tau > 0) {
            x[i] = x[i] == best ? 0 : (x[i] - best) / tau;
        } else {
            int first = x[i] == best && !found;
            found |= first;
            x[i] = first ? 0 : -INFINITY;
        }
}

/* The order of a heap of tokens with the likeliest on top; of equally likely tokens the one with the lower id comes first. */
static int before(const double *x, int64_t i, int64_t j) { return x[i] > x[j] || (x[i] == x[j] && i < j); }

static void sink(const double *x, int64_t *heap, int64_t at, int64_t size) {
    for (int64_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(x, heap[child + 1], heap[child])) child++;
        if (!before(x, heap[child], heap[at])) return;
        int64_t other = heap[at];
        heap[at] = heap[child];
        heap[child] = other;
    }
}

/* Keep the likeliest tokens: at most k, and no more than are needed for a total probability of p. */
static void keep_likeliest(double *x, int64_t *heap, int64_t V, double k, double p) {
    double best = largest(x, V), total = 0, mass = 0;
    if (p < 1)
        for (int64_t i = 0; i < V; i++) total += exp(x[i] - best);
    for (int64_t i = 0; i < V; i++) heap[i] = i;
    for (int64_t at = V / 2 - 1; at >= 0; at--) sink(x, heap, at, V);
    int64_t left = V;
    while (left > 0 && V - left < k && (left == V || p >= 1 || mass < p * total)) {
        int64_t top = heap[0];
        if (p < 1) mass += exp(x[top] - best);
        heap[0] = heap[--left];
        heap[left] = top;
        sink(x, heap, 0, left);
    }
    for (int64_t at = 0; at < left; at++) x[heap[at]] = -INFINITY;
}

enum { WITHOUT, TEMPERATURE, TOP_K, TOP_P };

/* The symbol at which the cumulative distribution of the filtered logits of row b passes `chance`. */
static int64_t draw(const struct stack *stack, int64_t b, const float *logits, double chance, double *x, int64_t *order) {
    const int64_t V = stack->symbols;
    for (int64_t i = 0; i < V; i++) x[i] = logits[i];
    for (int64_t f = stack->filter_ends[b]; f < stack->filter_ends[b + 1]; f++) {
        const struct filter *filter = &stack->filter[f];
        if (filter->kind == WITHOUT) x[(int64_t)filter->setting] = -INFINITY;
        if (filter->kind == TEMPERATURE) temperature(x, V, filter->setting);
        if (filter->kind == TOP_K) keep_likeliest(x, order, V, filter->setting, 1);
        if (filter->kind == TOP_P) keep_likeliest(x, order, V, (double)V, filter->setting);
    }
    double best = largest(x, V), total = 0;
    for (int64_t i = 0; i < V; i++) x[i] = total += exp(x[i] - best);
    for (int64_t i = 0; i < V; i++)
        if (x[i] > chance * total) return i;
    return V - 1;
}

void NAME(stack_draw)(const void *what, struct team *team) {
    const struct stack *stack = what;
    const int64_t B = stack->B;
    int64_t ended = 0;
    for (int64_t s = 0; s < stack->steps; s++) {
        float *logits = stack->logits + s * B * stack->V;
        for (int64_t b = team->index; b < B; b += team->size) {
            int64_t at = b * stack->V;
            stack->ids[b] = draw(stack, b, logits + at, stack->chance[s * B + b], stack->work + at, stack->order + at);
            stack->drawn[s * B + b] = stack->ids[b];
            if (stack->mixture) count(stack, b);
        }
        meet(team);
        step(stack, logits + B * stack->V, team);
        meet(team);
        for (int64_t b = team->index; b < B; b += team->size) { /* the rows that this thread draws next */
            if (stack->groups) normalize(stack, logits + (B + b) * stack->V);
            if (stack->mixture) mix(stack, b, logits + (B + b) * stack->V);
        }
        for (int64_t b = 0; b < B; b++)
            if (stack->drawn[s * B + b] == stack->end) { /* a row that has ended before is not counted again */
                int64_t t = s - 1;
                while (t >= 0 && stack->drawn[t * B + b] != stack->end) t--;
                ended += t < 0;
            }
        if (team->index == 0) *stack->done = s + 1;
        if (ended > stack->enough) return;
    }
}
