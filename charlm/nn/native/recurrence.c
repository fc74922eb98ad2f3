/* The time loops of the recurrent cells on a CPU: one matrix product per step, with the arithmetic of the gates fused to it.
 *
 * A weight matrix is packed once per call, so that the product of a step streams it in order. Each thread owns some
 * hidden units: it computes their part of the product and their gates, and waits for the others once per step.
 * dispatch.c chooses the variant (vectors.h).
 *
 * Letters: T time, B batch, H hidden. Arrays are time-major and contiguous. `keep` (T, B) is 0 where
 * the state is zeroed before a step, else 1; NULL is all ones.
 */
#include "gates.h"

/* The backward product computes two vectors of units at once, or one at the end of the width. */
INLINE int vectors_from(int64_t unit, int64_t last) { return last - unit > LANES ? 2 : 1; }

/* Weights (gates · H, H) of units [first, last) for the backward product, whose inner index runs over all rows. */
static void pack_backward(const float *w, operand *to, int gates, int64_t H, int64_t first, int64_t last) {
    const int64_t inner = gates * H;
    for (int64_t unit = first; unit < last; unit += 2 * LANES) {
        const int width = vectors_from(unit, last) * LANES, used = last - unit < width ? (int)(last - unit) : width;
        if (used < width || inner % PAIR) memset(to, 0, sizeof(operand) * even(inner) * width);
        int64_t row = 0;
        for (; row + PAIR <= inner; row += PAIR, to += width * PAIR)
            for (int lane = 0; lane < used; lane++)
                for (int64_t pair = 0; pair < PAIR; pair++)
                    to[lane * PAIR + pair] = operand_of(w[(row + pair) * H + unit + lane]);
        if (row < inner) {
            for (int lane = 0; lane < used; lane++) to[lane * PAIR] = operand_of(w[row * H + unit + lane]);
            to += width * PAIR;
        }
    }
}

INLINE void add(float *sum, vf d, int lanes) { store_units(sum, load_units(sum, lanes) + d, lanes); }

/* Store the gradient of W_h h + b. A thread adds to its own units only, so no lock is needed. */
INLINE void recurrent_gradient(const struct recurrence *it, int64_t row, int64_t G, int64_t at, vf d, int lanes) {
    store_operand((operand *)it->grad_recurrent + row * G + at, d, lanes);
    add(it->grad_bias + at, d, lanes);
}

/* Store the gradient of W_x x + b, if it differs from that of W_h h + b or goes to the table. */
INLINE void input_gradient(const struct recurrence *it, int64_t row, int64_t G, int64_t at, vf d, int lanes) {
    if (it->ids) {
        add(it->grad_table + it->ids[row] * G + at, d, lanes);
    } else if (it->grad_projected) {
        store_operand((operand *)it->grad_projected + row * G + at, d, lanes);
    }
}

/* carry (B, H) = (carry + d (B, inner) · w) · keep, for vectors of units; the last vector has `lanes` of them. */
INLINE void carry_rows(int rows, int vectors, int lanes, int64_t b, int64_t unit, const operand *d, const operand *w,
                       float *carry, const float *keep, int64_t H, int64_t inner) {
    vf acc[8 * 2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            acc[r * vectors + v] = load_units(carry + (b + r) * H + unit + v * LANES, v < vectors - 1 ? LANES : lanes);
    product(acc, rows, vectors, d + b * inner, inner, w, inner);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            store_units(carry + (b + r) * H + unit + v * LANES,
                        keep ? acc[r * vectors + v] * splat(keep[b + r]) : acc[r * vectors + v],
                        v < vectors - 1 ? LANES : lanes);
}

static void carry_back(const operand *d, const operand *packed, float *carry, const float *keep, int64_t B, int64_t H,
                       int64_t inner, int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; unit += 2 * LANES) {
        const operand *w = packed + (unit - first) * even(inner);
        const int vectors = vectors_from(unit, last);
        const int64_t left = last - unit - (vectors - 1) * LANES;
        const int lanes = left < LANES ? (int)left : LANES;
        if (vectors == 2 && lanes == LANES)
            BY_ROWS(ROWS, B, carry_rows(rows, 2, LANES, b, unit, d, w, carry, keep, H, inner));
        else if (vectors == 2)
            BY_ROWS(ROWS, B, carry_rows(rows, 2, lanes, b, unit, d, w, carry, keep, H, inner));
        else
            BY_ROWS(ROWS, B, carry_rows(rows, 1, lanes, b, unit, d, w, carry, keep, H, inner));
    }
}

/* Return the state that a step reads: the state itself, or a copy with zeros where `keep` is 0. */
static const operand *masked(const operand *state, operand *copy, const float *keep, int64_t B, int64_t H,
                             struct team *team) {
    if (!keep) return state;
    int zeros = 0;
    for (int64_t b = 0; b < B; b++) zeros |= keep[b] == 0.0f;
    if (!zeros) return state;
    int64_t first, last;
    share(team, H, &first, &last);
    for (int64_t b = 0; b < B; b++)
        for (int64_t u = first; u < last; u++) copy[b * H + u] = keep[b] == 0.0f ? 0 : state[b * H + u];
    meet(team);
    return copy;
}

/* Define the forward loop of a cell from its row function. */
#define FORWARD(cell, gates, full)                                                                                 \
    void NAME(cell##_forward)(const void *what, struct team *team) {                                               \
        const struct recurrence *it = what;                                                                        \
        const int64_t B = it->B, H = it->H;                                                                        \
        int64_t first, last;                                                                                       \
        share(team, H, &first, &last);                                                                             \
        operand *packed = (operand *)it->packed + first * even(H) * gates, *states = it->operands;                 \
        pack_units(it->weight, packed, gates, H, H, first, last);                                                  \
        for (int64_t b = 0; b < B; b++)                                                                            \
            BY_UNITS(first, last, put_state(it, b * H + unit, load_units(it->output + b * H + unit, lanes), lanes));\
        meet(team);                                                                                                \
        for (int64_t t = 0; t < it->T; t++) {                                                                      \
            const float *keep = it->keep ? it->keep + t * B : NULL;                                                \
            const operand *state = masked(states + t * B * H, it->scratch, keep, B, H, team);                      \
            BY_UNITS(first, last, {                                                                                \
                const operand *w = packed + (unit - first) * even(H) * gates;                                      \
                BY_ROWS(full, B, cell##_rows(rows, lanes, it, t * B + b, unit, state + b * H, w));                 \
            });                                                                                                    \
            meet(team);                                                                                            \
        }                                                                                                          \
    }

/* The preparation of every backward loop: the thread's units, and its weights, packed. */
struct way_back {
    int64_t first, last;
    operand *packed;
};

static struct way_back start_back(const struct recurrence *it, int gates, const struct team *team) {
    struct way_back way;
    share(team, it->H, &way.first, &way.last);
    way.packed = (operand *)it->packed + way.first * even(gates * it->H);
    pack_backward(it->weight, way.packed, gates, it->H, way.first, way.last);
    return way;
}

/* Carry the state's gradient back through the product of step t, after all threads have written grad_recurrent. */
static void step_back(const struct recurrence *it, const struct way_back *way, int gates, int64_t t, struct team *team) {
    const int64_t B = it->B, H = it->H, G = gates * H;
    meet(team);
    carry_back((const operand *)it->grad_recurrent + t * B * G, way->packed, it->carry, it->keep ? it->keep + t * B : NULL,
               B, H, G, way->first, way->last);
}

/* ---- GRU ---- */

FORWARD(gru, 3, ROWS)

void NAME(gru_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    const vf one = splat(1.0f);
    struct way_back way = start_back(it, 3, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            const float *saved = it->saved + row * 4 * H;
            vf kept = splat(it->keep ? it->keep[row] : 1.0f);
            BY_UNITS(way.first, way.last, {
                vf r = load_units(saved + unit, lanes), z = load_units(saved + H + unit, lanes);
                vf n = load_units(saved + 2 * H + unit, lanes), hn = load_units(saved + 3 * H + unit, lanes);
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                vf dn = d * (one - z) * (one - n * n);
                vf dz = d * (load_units(it->output + row * H + unit, lanes) * kept - n) * z * (one - z);
                vf dr = dn * hn * r * (one - r);
                store_units(it->carry + b * H + unit, d * z, lanes);
                input_gradient(it, row, 3 * H, unit, dr, lanes);
                input_gradient(it, row, 3 * H, H + unit, dz, lanes);
                input_gradient(it, row, 3 * H, 2 * H + unit, dn, lanes);
                recurrent_gradient(it, row, 3 * H, unit, dr, lanes);
                recurrent_gradient(it, row, 3 * H, H + unit, dz, lanes);
                recurrent_gradient(it, row, 3 * H, 2 * H + unit, dn * r, lanes);
            });
        }
        step_back(it, &way, 3, t, team);
    }
}

/* ---- LSTM ---- */

FORWARD(lstm, 4, LSTM_ROWS)

void NAME(lstm_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    const vf one = splat(1.0f);
    struct way_back way = start_back(it, 4, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            const float *saved = it->saved + row * 5 * H;
            vf kept = splat(it->keep ? it->keep[row] : 1.0f);
            BY_UNITS(way.first, way.last, {
                vf i = load_units(saved + unit, lanes), f = load_units(saved + H + unit, lanes);
                vf g = load_units(saved + 2 * H + unit, lanes), o = load_units(saved + 3 * H + unit, lanes);
                vf squashed = load_units(saved + 4 * H + unit, lanes);
                vf da = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                vf dc = load_units(it->carry_memory + b * H + unit, lanes) + da * o * (one - squashed * squashed);
                vf before = load_units(it->memory + row * H + unit, lanes) * kept;
                store_units(it->carry_memory + b * H + unit, dc * f * kept, lanes);
                store_units(it->carry + b * H + unit, (vf){0}, lanes);
                vf d[4] = {dc * g * i * (one - i), dc * before * f * (one - f), dc * i * (one - g * g),
                           da * squashed * o * (one - o)};
                for (int gate = 0; gate < 4; gate++) {
                    input_gradient(it, row, 4 * H, gate * H + unit, d[gate], lanes);
                    recurrent_gradient(it, row, 4 * H, gate * H + unit, d[gate], lanes);
                }
            });
        }
        step_back(it, &way, 4, t, team);
    }
}

/* ---- Elman ---- */

FORWARD(rnn, 1, ROWS)

/* Return the derivative of the activation, computed from its output. */
INLINE vf slope(int activation, vf h) {
    if (activation == 0) return splat(1.0f) - h * h;
    if (activation == 1) return choose_(h > (vf){0}, splat(1.0f), (vf){0});
    if (activation == 2) return h * (splat(1.0f) - h);
    return splat(1.0f);
}

void NAME(rnn_backward)(const void *what, struct team *team) {
    const struct recurrence *it = what;
    const int64_t B = it->B, H = it->H;
    struct way_back way = start_back(it, 1, team);
    for (int64_t t = it->T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = t * B + b;
            BY_UNITS(way.first, way.last, {
                vf d = load_units(it->grad_output + row * H + unit, lanes) + load_units(it->carry + b * H + unit, lanes);
                d *= slope(it->activation, load_units(it->output + (row + B) * H + unit, lanes));
                store_units(it->carry + b * H + unit, (vf){0}, lanes);
                input_gradient(it, row, H, unit, d, lanes);
                recurrent_gradient(it, row, H, unit, d, lanes);
            });
        }
        step_back(it, &way, 1, t, team);
    }
}
